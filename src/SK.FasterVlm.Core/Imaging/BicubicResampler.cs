using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SK.FasterVlm.Imaging;

/// <summary>
/// Pads a picture to a square and resizes it as Pillow does: rows first, then columns, 8 bits in between, integer arithmetic
/// throughout (so the result does not depend on the vector width). The padding is computed with, never stored.
/// </summary>
static class BicubicResampler
{
    const int Half = 1 << (BicubicWeights.PrecisionBits - 1);

    /// <summary>Pads and resizes.</summary>
    /// <param name="image">Any picture.</param>
    /// <param name="placement">Where it lies in the square, and the side of the result.</param>
    /// <param name="pad">Colour of the padding.</param>
    /// <returns>ImageSize * ImageSize * 3 bytes, R G B, rows from top to bottom.</returns>
    public static byte[] PadAndResize(RgbImage image, PicturePlacement placement, RgbColor pad)
    {
        int size = placement.ImageSize;
        return Resize(
            image, new BicubicWeights(placement.Side, placement.OffsetX, image.Width, size, Vector<int>.Count),
            new BicubicWeights(placement.Side, placement.OffsetY, image.Height, size, alignment: 1), size, size, pad);
    }

    /// <summary>Resizes to any size, whatever that does to the proportions.</summary>
    /// <param name="image">Any picture.</param>
    /// <param name="width">Target width, 1 or more.</param>
    /// <param name="height">Target height, 1 or more.</param>
    /// <returns>width * height * 3 bytes, R G B, rows from top to bottom.</returns>
    public static byte[] Resize(RgbImage image, int width, int height) => Resize(
        image, new BicubicWeights(image.Width, 0, image.Width, width, Vector<int>.Count),
        new BicubicWeights(image.Height, 0, image.Height, height, alignment: 1), width, height, pad: default);

    static byte[] Resize(RgbImage image, BicubicWeights across, BicubicWeights down, int width, int height, RgbColor pad)
    {
        int lane = Vector<byte>.Count, stride = (width * 3 + lane - 1) / lane * lane;
        // [Height, stride]: every row of the picture resized to the target width, R G B.
        byte[] rows = GC.AllocateUninitializedArray<byte>(checked(image.Height * stride));
        ResizeRows(image, across, width, pad, rows, stride);
        byte[] padRow = new byte[stride];
        for (int i = 0; i < width * 3; i += 3) (padRow[i], padRow[i + 1], padRow[i + 2]) = (pad.R, pad.G, pad.B);

        byte[] result = new byte[checked(width * height * 3)], line = new byte[stride];
        for (int t = 0; t < height; t++)
        {
            ReadOnlySpan<int> taps = down.Of(t, out int first, out int outside);
            BlendRows(rows.AsSpan(first * stride, taps.Length * stride), taps, padRow, outside, line);
            line.AsSpan(0, width * 3).CopyTo(result.AsSpan(t * width * 3));
        }

        return result;
    }

    static void ResizeRows(RgbImage image, BicubicWeights weights, int width, RgbColor pad, byte[] rows, int stride)
    {
        int plane = image.Width + Vector<int>.Count;
        // [3, plane]: one row, a channel after the other, widened once instead of at every tap. The tail meets zero weights only.
        int[] planes = new int[3 * plane];
        for (int y = 0; y < image.Height; y++)
        {
            Split(image.Pixels.AsSpan(y * image.Width * 3, image.Width * 3), planes, plane);
            Span<byte> to = rows.AsSpan(y * stride, stride);
            to[(width * 3)..].Clear();
            for (int t = 0; t < width; t++)
            {
                ReadOnlySpan<int> taps = weights.Of(t, out int first, out int outside);
                ReadOnlySpan<Vector<int>> w = MemoryMarshal.Cast<int, Vector<int>>(taps);
                ReadOnlySpan<Vector<int>> r = MemoryMarshal.Cast<int, Vector<int>>(planes.AsSpan(first, taps.Length));
                ReadOnlySpan<Vector<int>> g = MemoryMarshal.Cast<int, Vector<int>>(planes.AsSpan(plane + first, taps.Length));
                ReadOnlySpan<Vector<int>> b = MemoryMarshal.Cast<int, Vector<int>>(planes.AsSpan(2 * plane + first, taps.Length));
                Vector<int> red = default, green = default, blue = default;
                for (int i = 0; i < w.Length && i < r.Length && i < g.Length && i < b.Length; i++)
                {
                    red += w[i] * r[i];
                    green += w[i] * g[i];
                    blue += w[i] * b[i];
                }

                to[3 * t] = Clip(Half + outside * pad.R + Vector.Sum(red));
                to[3 * t + 1] = Clip(Half + outside * pad.G + Vector.Sum(green));
                to[3 * t + 2] = Clip(Half + outside * pad.B + Vector.Sum(blue));
            }
        }
    }

    /// <summary>One target row out of source rows.</summary>
    /// <param name="rows">[taps.Length, line.Length].</param>
    /// <param name="taps">Weight of each row.</param>
    /// <param name="padRow">A row of padding, [line.Length].</param>
    /// <param name="outside">Its weight.</param>
    /// <param name="line">Receives the result; a multiple of the vector width long.</param>
    static void BlendRows(ReadOnlySpan<byte> rows, ReadOnlySpan<int> taps, ReadOnlySpan<byte> padRow, int outside, Span<byte> line)
    {
        for (int x = 0; x < line.Length; x += Vector<byte>.Count)
        {
            Vector<int> a = new(Half), b = a, c = a, d = a;
            Accumulate(padRow[x..], outside, ref a, ref b, ref c, ref d);
            for (int i = 0; i < taps.Length; i++) Accumulate(rows[(i * line.Length + x)..], taps[i], ref a, ref b, ref c, ref d);
            Vector.Narrow(Vector.Narrow(Clip(a), Clip(b)), Vector.Narrow(Clip(c), Clip(d))).CopyTo(line[x..]);
        }
    }

    static void Accumulate(ReadOnlySpan<byte> pixels, int weight, ref Vector<int> a, ref Vector<int> b, ref Vector<int> c, ref Vector<int> d)
    {
        Vector.Widen(new Vector<byte>(pixels), out Vector<ushort> low, out Vector<ushort> high);
        Vector.Widen(low, out Vector<uint> p, out Vector<uint> q);
        Vector.Widen(high, out Vector<uint> r, out Vector<uint> s);
        a += Vector.AsVectorInt32(p) * weight;
        b += Vector.AsVectorInt32(q) * weight;
        c += Vector.AsVectorInt32(r) * weight;
        d += Vector.AsVectorInt32(s) * weight;
    }

    static Vector<uint> Clip(Vector<int> sum) =>
        Vector.AsVectorUInt32(Vector.Min(Vector.Max(sum >> BicubicWeights.PrecisionBits, Vector<int>.Zero), new Vector<int>(255)));

    static byte Clip(int sum) => (byte)Math.Clamp(sum >> BicubicWeights.PrecisionBits, 0, 255);

    /// <summary>R G B R G B ... to three rows of 32-bit integers.</summary>
    static void Split(ReadOnlySpan<byte> rgb, Span<int> planes, int plane)
    {
        Span<int> red = planes[..plane], green = planes.Slice(plane, plane), blue = planes.Slice(2 * plane, plane);
        // 255 picks no byte and so gives the three zero bytes above each channel.
        Vector128<byte> pickRed = Vector128.Create((byte)0, 255, 255, 255, 3, 255, 255, 255, 6, 255, 255, 255, 9, 255, 255, 255);
        Vector128<byte> pickGreen = pickRed + Vector128.Create(0x00000001).AsByte(), pickBlue = pickRed + Vector128.Create(0x00000002).AsByte();
        int x = 0;
        for (; 3 * x + 16 <= rgb.Length; x += 4)
        {
            Vector128<byte> four = Vector128.Create(rgb.Slice(3 * x, 16));
            Vector128.Shuffle(four, pickRed).AsInt32().CopyTo(red[x..]);
            Vector128.Shuffle(four, pickGreen).AsInt32().CopyTo(green[x..]);
            Vector128.Shuffle(four, pickBlue).AsInt32().CopyTo(blue[x..]);
        }

        for (; 3 * x < rgb.Length; x++) (red[x], green[x], blue[x]) = (rgb[3 * x], rgb[3 * x + 1], rgb[3 * x + 2]);
    }
}
