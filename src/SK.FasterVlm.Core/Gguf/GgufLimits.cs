namespace SK.FasterVlm.Gguf;

/// <summary>
/// What a GGUF header may claim. Every limit is checked before anything is allocated, and every length also against the bytes that
/// are left, so that a small file can never cost more than a few times its own size.
/// </summary>
public sealed record GgufLimits
{
    /// <summary>Far above every published model.</summary>
    public static GgufLimits Default { get; } = new();

    /// <summary>Metadata entries (default 65,536; published files have about 40).</summary>
    public int MaxMetadata { get; init; } = 65_536;

    /// <summary>Tensors (default 65,536; published files have up to a few thousand).</summary>
    public int MaxTensors { get; init; } = 65_536;

    /// <summary>UTF-8 bytes of a key (default 65,535, as the format says).</summary>
    public int MaxKeyBytes { get; init; } = 65_535;

    /// <summary>UTF-8 bytes of a tensor name (default 63: ggml keeps names in 64 bytes with a final zero).</summary>
    public int MaxNameBytes { get; init; } = 63;

    /// <summary>UTF-8 bytes of a string (default 16 MiB).</summary>
    public int MaxStringBytes { get; init; } = 16 << 20;

    /// <summary>Elements of an array (default 16,777,216; the largest vocabularies have a few hundred thousand).</summary>
    public int MaxArrayLength { get; init; } = 1 << 24;

    /// <summary>Bytes of an array (default 256 MiB).</summary>
    public int MaxArrayBytes { get; init; } = 256 << 20;

    /// <summary>Size of one dimension of a tensor (default 2^31 - 1, what llama.cpp's kernels index with).</summary>
    public long MaxDimension { get; init; } = int.MaxValue;
}
