namespace SK.FasterVlm.Core.Tests.Imaging;

/// <summary>
/// Hand-made files that attack image decoders, in the spirit of the published faults of libpng, libwebp, libjpeg and GIF readers. None
/// holds code of another project: each is built here from what its format's specification says, and then does what it forbids.
/// </summary>
static class HostileImages
{
    /// <summary>The formats there are files of.</summary>
    public static string[] Formats { get; } = ["PNG", "JPEG", "GIF", "WebP", "BMP"];

    /// <summary>The files of a format, each with what is wrong with it.</summary>
    public static IEnumerable<(string Name, byte[] File)> Of(string format) => format switch
    {
        "PNG" => HostilePng.All,
        "JPEG" => HostileJpeg.All,
        "GIF" => HostileGif.All,
        "WebP" => HostileWebP.All,
        _ => HostileBmp.All,
    };
}
