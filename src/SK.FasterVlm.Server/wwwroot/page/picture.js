// From a file to what is shown and sent.

const SENDABLE = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp'];
// The server's default limits (50 megapixels) or below them (10 MB an image, 16,384 pixels a side); the model looks at far fewer pixels.
const MAX_BYTES = 8_000_000;
const MAX_SIDE = 8192;
const MAX_PIXELS = 50_000_000;
const REDRAWN_SIDE = 2048;

/**
 * Reads a picture. A file the server takes is sent as it is, byte for byte; any other that the browser can show is drawn anew.
 * @returns {Promise<{url: string, dataUri: string, width: number, height: number, note: string}>} `url` is for showing it.
 */
export async function readPicture(file) {
  const name = file.name || 'The pasted picture';
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    throw new Error(`${name} cannot be shown: it is damaged or no picture. Choose a PNG, JPEG, WebP, GIF or BMP file.`);
  }
  const { naturalWidth: width, naturalHeight: height } = image;
  if (width === 0 || height === 0) {
    URL.revokeObjectURL(url);
    throw new Error(`${name} has no size in pixels; choose a PNG, JPEG, WebP, GIF or BMP file.`);
  }
  if (SENDABLE.includes(file.type) && file.size <= MAX_BYTES && Math.max(width, height) <= MAX_SIDE && width * height <= MAX_PIXELS) {
    return { url, dataUri: await toDataUri(file), width, height, note: `${name}, ${width} × ${height} pixels` };
  }
  try {
    return await redraw(image, name);
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function redraw(image, name) {
  const { naturalWidth, naturalHeight } = image;
  const scale = Math.min(1, REDRAWN_SIDE / Math.max(naturalWidth, naturalHeight));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(naturalHeight * scale));
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff'; // JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.92));
  if (!blob) throw new Error(`${name} is too large for this browser to shrink; choose a smaller one.`);
  return {
    url: URL.createObjectURL(blob),
    dataUri: await toDataUri(blob),
    width: canvas.width,
    height: canvas.height,
    note: `${name}, ${naturalWidth} × ${naturalHeight} pixels; sent as a JPEG of ${canvas.width} × ${canvas.height}`,
  };
}

function toDataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error('The file could not be read; was it moved or deleted?'));
    reader.readAsDataURL(blob);
  });
}
