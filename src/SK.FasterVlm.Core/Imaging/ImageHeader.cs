namespace SK.FasterVlm.Imaging;

/// <summary>
/// What the first bytes of an image file say. Read in managed code by magic number (a file's name or declared media type is never
/// believed) so that a picture can be judged against <see cref="ImageLimits"/> before a native decoder sees a byte of it.
/// </summary>
/// <param name="Format">The kind of file.</param>
/// <param name="Width">Stored width in pixels, 1 or more, before <paramref name="Orientation"/> is applied.</param>
/// <param name="Height">Stored height in pixels, 1 or more, before <paramref name="Orientation"/> is applied.</param>
/// <param name="Orientation">EXIF orientation, 1 (as stored) to 8; 1 when the file has none or a damaged one.</param>
public sealed record ImageHeader(ImageFormat Format, int Width, int Height, int Orientation)
{
    /// <summary>The registered media type, for example <c>image/png</c>.</summary>
    public string MediaType => Format switch
    {
        ImageFormat.Png => "image/png",
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.WebP => "image/webp",
        ImageFormat.Gif => "image/gif",
        _ => "image/bmp",
    };

    /// <summary>Whether orienting the picture exchanges width and height.</summary>
    public bool SwapsSides => Orientation >= 5;

    /// <summary>Width in pixels of the upright picture.</summary>
    public int UprightWidth => SwapsSides ? Height : Width;

    /// <summary>Height in pixels of the upright picture.</summary>
    public int UprightHeight => SwapsSides ? Width : Height;

    /// <summary>Reads the header of a PNG, JPEG, WebP, GIF or BMP file.</summary>
    /// <param name="bytes">The whole file: orientation may be stored behind the pixels.</param>
    /// <exception cref="ImageFormatException">Not one of the five kinds (the message names what it is instead), or damaged.</exception>
    public static ImageHeader Read(ReadOnlySpan<byte> bytes)
    {
        if (PngHeader.Matches(bytes)) return PngHeader.Read(new HeaderBytes(bytes, "PNG"));
        if (JpegHeader.Matches(bytes)) return JpegHeader.Read(new HeaderBytes(bytes, "JPEG"));
        if (WebPHeader.Matches(bytes)) return WebPHeader.Read(new HeaderBytes(bytes, "WebP"));
        if (GifHeader.Matches(bytes)) return GifHeader.Read(new HeaderBytes(bytes, "GIF"));
        if (BmpHeader.Matches(bytes)) return BmpHeader.Read(new HeaderBytes(bytes, "BMP"));
        throw ForeignFormat.Refusal(bytes);
    }
}
