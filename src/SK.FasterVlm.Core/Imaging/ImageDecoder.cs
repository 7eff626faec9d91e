using System.Buffers;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace SK.FasterVlm.Imaging;

/// <summary>
/// From the bytes of a file to upright RGB pixels, by SkiaSharp. Thread-safe. Needs about 3 bytes per pixel for a JPEG and 7 for the
/// other formats while it runs.
/// </summary>
/// <remarks>
/// Colours are sRGB: an embedded ICC profile (or PNG gAMA/cHRM) is converted, a picture without one is taken to be sRGB. 16-bit
/// channels keep their upper 8 bits, gray becomes three equal channels, CMYK JPEGs are taken as Adobe writes them (inverted).
/// Transparent pixels are laid over the background. Of an animation the first frame is decoded. A truncated or damaged picture is
/// refused where its format can tell. A JPEG has no checksums: coded pixels that are wrong in themselves, or end early before a proper
/// end marker, show what they say, which may be gray.
/// </remarks>
public static class ImageDecoder
{
    /// <summary>Stored rows held at once when a format can be decoded piece by piece.</summary>
    const int StripRows = 64;

    /// <summary>Decodes an image.</summary>
    /// <param name="bytes">The whole file: PNG, JPEG, WebP, GIF or BMP.</param>
    /// <param name="limits">What it may cost; null means <see cref="ImageLimits.Default"/>.</param>
    /// <param name="background">What lies under transparent pixels; null means <see cref="RgbColor.ClipMean"/>, the padding's colour.</param>
    /// <exception cref="ImageFormatException">Not an image, damaged, truncated, of an unsupported kind, or over the limits.</exception>
    /// <exception cref="NativeRuntimeException">The SkiaSharp library cannot be loaded.</exception>
    public static RgbImage Decode(ReadOnlyMemory<byte> bytes, ImageLimits? limits = null, RgbColor? background = null)
    {
        limits ??= ImageLimits.Default;
        limits.CheckBytes(bytes.Length);
        ImageHeader header = ImageHeader.Read(bytes.Span);
        limits.CheckSize(header.Width, header.Height);
        try
        {
            return DecodeChecked(bytes, header, limits, background ?? RgbColor.ClipMean);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new NativeRuntimeException("The SkiaSharp library that decodes images cannot be loaded; "
                + "add the SkiaSharp.NativeAssets package of this platform.", e);
        }
    }

    static unsafe RgbImage DecodeChecked(ReadOnlyMemory<byte> bytes, ImageHeader header, ImageLimits limits, RgbColor background)
    {
        using MemoryHandle pin = bytes.Pin();
        using SKData data = SKData.Create((nint)pin.Pointer, bytes.Length);
        using SKCodec codec = SKCodec.Create(data) ?? throw new ImageFormatException($"The {header.Format} file is damaged or truncated: it has no readable picture.");
        // The decoder reads the header on its own; what it found must be judged too.
        int width = codec.Info.Width, height = codec.Info.Height;
        limits.CheckSize(width, height);
        if (width < 1 || height < 1) throw new ImageFormatException($"The {header.Format} file is damaged: its picture is empty.");

        bool opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        using SKColorSpace srgb = SKColorSpace.CreateSrgb();
        var target = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul, srgb);
        var writer = new UprightWriter(width, height, header.Orientation, opaque ? null : background);
        bool byStrips = header.Format == ImageFormat.Jpeg;
        int rows = byStrips ? Math.Min(StripRows, height) : height;
        // Zeroed, so that no decoder's omission can show what was in memory before.
        void* buffer = NativeMemory.AllocZeroed((nuint)rows * (nuint)width, 4);
        try
        {
            if (byStrips) DecodeStrips(codec, target, (nint)buffer, rows, writer);
            else DecodeWhole(codec, target, (nint)buffer, header.Format, writer);
        }
        finally
        {
            NativeMemory.Free(buffer);
        }

        return writer.ToImage();
    }

    static unsafe void DecodeStrips(SKCodec codec, SKImageInfo target, nint buffer, int stripRows, UprightWriter writer)
    {
        Check(codec.StartScanlineDecode(target), ImageFormat.Jpeg);
        for (int first = 0; first < target.Height; first += stripRows)
        {
            int rows = Math.Min(stripRows, target.Height - first);
            if (codec.GetScanlines(buffer, rows, target.RowBytes) != rows) Check(SKCodecResult.IncompleteInput, ImageFormat.Jpeg);
            writer.Write(new ReadOnlySpan<byte>((void*)buffer, rows * target.RowBytes), first);
        }
    }

    static unsafe void DecodeWhole(SKCodec codec, SKImageInfo target, nint buffer, ImageFormat format, UprightWriter writer)
    {
        Check(codec.GetPixels(target, buffer), format);
        for (int first = 0; first < target.Height; first += StripRows)
        {
            int rows = Math.Min(StripRows, target.Height - first);
            writer.Write(new ReadOnlySpan<byte>((byte*)buffer + (long)first * target.RowBytes, rows * target.RowBytes), first);
        }
    }

    static void Check(SKCodecResult result, ImageFormat format)
    {
        if (result == SKCodecResult.Success) return;
        throw new ImageFormatException(result switch
        {
            SKCodecResult.IncompleteInput => $"The {format} file is truncated: its pixels end too early. Send the whole file.",
            SKCodecResult.Unimplemented or SKCodecResult.InvalidConversion =>
                $"The {format} file is of a kind that cannot be decoded ({result}). Save it as an ordinary PNG or JPEG.",
            _ => $"The {format} file is damaged: its pixels cannot be decoded ({result}).",
        });
    }
}
