using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SK.FasterVlm.Imaging;

/// <summary>Takes decoded rows and puts each pixel where the EXIF orientation wants it, as RGB over a background.</summary>
sealed class UprightWriter
{
    /// <summary>Pixels of a cache line.</summary>
    const int TileColumns = 16;

    readonly int _width, _uprightWidth, _uprightHeight;
    readonly nint _origin, _stepX, _stepY;
    readonly bool _blend;
    readonly RgbColor _background;
    readonly byte[] _pixels;
    readonly uint[] _turned;

    /// <summary>Prepares an empty picture.</summary>
    /// <param name="width">Stored width in pixels.</param>
    /// <param name="height">Stored height in pixels.</param>
    /// <param name="orientation">EXIF orientation, 1 to 8.</param>
    /// <param name="background">What lies under transparent pixels; null when the alpha channel is to be ignored.</param>
    public UprightWriter(int width, int height, int orientation, RgbColor? background)
    {
        (_width, _blend, _background) = (width, background is not null, background.GetValueOrDefault());
        (_uprightWidth, _uprightHeight) = orientation >= 5 ? (height, width) : (width, height);
        _pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        _turned = new uint[Math.Max(width, height)];
        // Bytes from one upright pixel to the next, and where the ends of a stored row and column go.
        nint right = 3, down = 3 * (nint)_uprightWidth;
        (_stepX, _stepY) = orientation switch
        {
            2 => (-right, down),
            3 => (-right, -down),
            4 => (right, -down),
            5 => (down, right),
            6 => (down, -right),
            7 => (-down, -right),
            8 => (-down, right),
            _ => (right, down),
        };
        _origin = (_stepX < 0 ? -_stepX * (width - 1) : 0) + (_stepY < 0 ? -_stepY * (height - 1) : 0);
    }

    /// <summary>Writes stored rows.</summary>
    /// <param name="rgba">Whole rows, R G B A, alpha not multiplied in.</param>
    /// <param name="firstRow">Stored row of the first of them.</param>
    public void Write(ReadOnlySpan<byte> rgba, int firstRow)
    {
        ReadOnlySpan<uint> pixels = MemoryMarshal.Cast<byte, uint>(rgba);
        int rows = pixels.Length / _width;
        nint start = _origin + firstRow * _stepY;
        if (_stepX is 3 or -3)
        {
            for (int y = 0; y < rows; y++) WriteLine(pixels.Slice(y * _width, _width), _stepX < 0, start + y * _stepY);
            return;
        }

        // Columns become lines. A few at a time, so that a cache line of the strip is used up before it goes.
        Span<uint> columns = new uint[TileColumns * rows];
        for (int left = 0; left < _width; left += TileColumns)
        {
            int count = Math.Min(TileColumns, _width - left);
            for (int y = 0; y < rows; y++)
            {
                ReadOnlySpan<uint> tile = pixels.Slice(y * _width + left, count);
                for (int x = 0; x < tile.Length; x++) columns[x * rows + y] = tile[x];
            }

            for (int x = 0; x < count; x++) WriteLine(columns.Slice(x * rows, rows), _stepY < 0, start + (left + x) * _stepX);
        }
    }

    /// <summary>The finished picture.</summary>
    public RgbImage ToImage() => new(_uprightWidth, _uprightHeight, _pixels);

    /// <summary>Writes neighbouring pixels of one upright row.</summary>
    /// <param name="line">The pixels.</param>
    /// <param name="backwards">Whether they go from right to left.</param>
    /// <param name="at">Byte of the first of them.</param>
    void WriteLine(ReadOnlySpan<uint> line, bool backwards, nint at)
    {
        if (backwards)
        {
            Span<uint> turned = _turned.AsSpan(0, line.Length);
            line.CopyTo(turned);
            turned.Reverse();
            line = turned;
            at -= (line.Length - 1) * 3;
        }

        Span<byte> rgb = _pixels.AsSpan((int)at, line.Length * 3);
        if (_blend) BlendLine(line, rgb);
        else CopyLine(MemoryMarshal.AsBytes(line), rgb);
    }

    void BlendLine(ReadOnlySpan<uint> line, Span<byte> rgb)
    {
        RgbColor under = _background;
        for (int i = 0, to = 0; i < line.Length; i++, to += 3)
        {
            uint pixel = line[i], a = pixel >> 24;
            rgb[to] = (byte)Over(pixel & 0xFF, a, under.R);
            rgb[to + 1] = (byte)Over(pixel >> 8 & 0xFF, a, under.G);
            rgb[to + 2] = (byte)Over(pixel >> 16 & 0xFF, a, under.B);
        }
    }

    /// <summary>(a * colour + (255 - a) * under) / 255, rounded to the nearest.</summary>
    static uint Over(uint colour, uint a, uint under) => (colour * a + under * (255 - a) + 127) / 255;

    /// <summary>RGBA to RGB, four pixels at a time.</summary>
    static void CopyLine(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        Vector128<byte> dropAlpha = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int from = 0, to = 0;
        // A store writes 16 bytes of which 12 count; the next one overwrites the rest, and the last pixels go one by one.
        for (; to + 16 <= rgb.Length; from += 16, to += 12)
            Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), dropAlpha).CopyTo(rgb.Slice(to, 16));
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb[to..]);
    }
}
