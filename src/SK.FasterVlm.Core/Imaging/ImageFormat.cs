namespace SK.FasterVlm.Imaging;

/// <summary>The kinds of image file that are decoded.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics; of an animation the default picture.</summary>
    Png,

    /// <summary>Baseline, extended-Huffman or progressive JPEG of 8 bits per channel.</summary>
    Jpeg,

    /// <summary>WebP, lossy or lossless; of an animation the first frame.</summary>
    WebP,

    /// <summary>GIF; of an animation the first frame.</summary>
    Gif,

    /// <summary>Windows or OS/2 bitmap.</summary>
    Bmp,
}
