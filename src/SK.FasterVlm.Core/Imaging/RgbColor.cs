namespace SK.FasterVlm.Imaging;

/// <summary>An 8-bit sRGB colour.</summary>
/// <param name="R">Red, 0 to 255.</param>
/// <param name="G">Green, 0 to 255.</param>
/// <param name="B">Blue, 0 to 255.</param>
public readonly record struct RgbColor(byte R, byte G, byte B)
{
    /// <summary>What LLaVA pads pictures with: (122, 116, 104), the whole part of 255 times the CLIP mean.</summary>
    public static RgbColor ClipMean { get; } = new(122, 116, 104);
}
