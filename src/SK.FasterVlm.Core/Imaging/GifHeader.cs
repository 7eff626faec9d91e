namespace SK.FasterVlm.Imaging;

/// <summary>Reads GIF headers (GIF89a specification, sections 17 and 18).</summary>
static class GifHeader
{
    public static bool Matches(ReadOnlySpan<byte> bytes) => bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8);

    public static ImageHeader Read(HeaderBytes file) => file.Header(ImageFormat.Gif, file.U16Le(6), file.U16Le(8));
}
