using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SK.FasterVlm.Imaging;

/// <summary>Takes decoded rows and puts each pixel where the EXIF orientation wants it, as RGB over a background.</summary>
sealed class UprightWriter
{
    readonly int _width, _uprightWidth, _uprightHeight;
    readonly nint _origin, _stepX, _stepY;
    readonly RgbColor? _background;
    readonly byte[] _pixels;

    /// <summary>Prepares an empty picture.</summary>
    /// <param name="width">Stored width in pixels.</param>
    /// <param name="height">Stored height in pixels.</param>
    /// <param name="orientation">EXIF orientation, 1 to 8.</param>
    /// <param name="background">What lies under transparent pixels; null when the alpha channel is to be ignored.</param>
    public UprightWriter(int width, int height, int orientation, RgbColor? background)
    {
        (_width, _background) = (width, background);
        (_uprightWidth, _uprightHeight) = orientation >= 5 ? (height, width) : (width, height);
        _pixels = GC.AllocateUninitializedArray<byte>(checked(width * height * 3));
        // Bytes from one upright pixel to the next, and where the ends of a stored row and column go.
        nint right = 3, down = 3 * (nint)_uprightWidth;
        nint lastX = (width - 1) * (nint)1, lastY = (height - 1) * (nint)1;
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
        _origin = (_stepX < 0 ? -_stepX * lastX : 0) + (_stepY < 0 ? -_stepY * lastY : 0);
    }

    /// <summary>Writes stored rows.</summary>
    /// <param name="rgba">Whole rows, R G B A, alpha not multiplied in.</param>
    /// <param name="firstRow">Stored row of the first of them.</param>
    public void Write(ReadOnlySpan<byte> rgba, int firstRow)
    {
        ReadOnlySpan<uint> pixels = MemoryMarshal.Cast<byte, uint>(rgba);
        int rows = pixels.Length / _width;
        nint start = _origin + firstRow * _stepY;
        if (_stepX == 3 && _background is null)
        {
            for (int y = 0; y < rows; y++) CopyRow(rgba.Slice(y * _width * 4, _width * 4), _pixels.AsSpan((int)(start + y * _stepY), _width * 3));
        }
        else if (_stepX is 3 or -3)
        {
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < _width; x++) Put(pixels[y * _width + x], start + x * _stepX + y * _stepY);
        }
        else
        {
            // Rows become columns: going down the strip first writes neighbouring bytes.
            for (int x = 0; x < _width; x++)
                for (int y = 0; y < rows; y++) Put(pixels[y * _width + x], start + x * _stepX + y * _stepY);
        }
    }

    /// <summary>The finished picture.</summary>
    public RgbImage ToImage() => new(_uprightWidth, _uprightHeight, _pixels);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Put(uint rgba, nint at)
    {
        Span<byte> pixel = _pixels.AsSpan((int)at, 3);
        uint r = rgba & 0xFF, g = rgba >> 8 & 0xFF, b = rgba >> 16 & 0xFF, a = rgba >> 24;
        if (_background is { } under && a != 255) (r, g, b) = (Over(r, a, under.R), Over(g, a, under.G), Over(b, a, under.B));
        (pixel[0], pixel[1], pixel[2]) = ((byte)r, (byte)g, (byte)b);
    }

    /// <summary>(a * colour + (255 - a) * under) / 255, rounded to the nearest.</summary>
    static uint Over(uint colour, uint a, uint under) => (colour * a + under * (255 - a) + 127) / 255;

    /// <summary>RGBA to RGB, four pixels at a time.</summary>
    static void CopyRow(ReadOnlySpan<byte> rgba, Span<byte> rgb)
    {
        Vector128<byte> dropAlpha = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int from = 0, to = 0;
        // A store writes 16 bytes of which 12 count; the next one overwrites the rest, and the last pixels go one by one.
        for (; to + 16 <= rgb.Length; from += 16, to += 12)
            Vector128.Shuffle(Vector128.Create(rgba.Slice(from, 16)), dropAlpha).CopyTo(rgb.Slice(to, 16));
        for (; to < rgb.Length; from += 4, to += 3) rgba.Slice(from, 3).CopyTo(rgb[to..]);
    }
}
