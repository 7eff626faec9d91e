namespace SK.FasterVlm.Gguf;

/// <summary>
/// How the elements of a tensor are stored; numbers as in ggml.h. Numbers ggml has removed are not listed and are refused.
/// </summary>
public enum GgmlType : uint
{
    /// <summary>32-bit float.</summary>
    F32 = 0,

    /// <summary>16-bit float (5 bits of exponent).</summary>
    F16 = 1,

    /// <summary>4 bits, one scale per 32.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, scale and minimum per 32.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, one scale per 32.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, scale and minimum per 32.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, one scale per 32.</summary>
    Q8_0 = 8,

    /// <summary>8 bits, scale and sum per 32; an intermediate of ggml.</summary>
    Q8_1 = 9,

    /// <summary>2 bits in super-blocks of 256.</summary>
    Q2_K = 10,

    /// <summary>3 bits in super-blocks of 256.</summary>
    Q3_K = 11,

    /// <summary>4 bits in super-blocks of 256.</summary>
    Q4_K = 12,

    /// <summary>5 bits in super-blocks of 256.</summary>
    Q5_K = 13,

    /// <summary>6 bits in super-blocks of 256.</summary>
    Q6_K = 14,

    /// <summary>8 bits in super-blocks of 256; an intermediate of ggml.</summary>
    Q8_K = 15,

    /// <summary>2.06 bits per weight, codebook.</summary>
    IQ2_XXS = 16,

    /// <summary>2.31 bits per weight, codebook.</summary>
    IQ2_XS = 17,

    /// <summary>3.06 bits per weight, codebook.</summary>
    IQ3_XXS = 18,

    /// <summary>1.56 bits per weight, codebook.</summary>
    IQ1_S = 19,

    /// <summary>4 bits, non-linear, one scale per 32.</summary>
    IQ4_NL = 20,

    /// <summary>3.44 bits per weight, codebook.</summary>
    IQ3_S = 21,

    /// <summary>2.5 bits per weight, codebook.</summary>
    IQ2_S = 22,

    /// <summary>4 bits, non-linear, super-blocks of 256.</summary>
    IQ4_XS = 23,

    /// <summary>8-bit integer.</summary>
    I8 = 24,

    /// <summary>16-bit integer.</summary>
    I16 = 25,

    /// <summary>32-bit integer.</summary>
    I32 = 26,

    /// <summary>64-bit integer.</summary>
    I64 = 27,

    /// <summary>64-bit float.</summary>
    F64 = 28,

    /// <summary>1.75 bits per weight, codebook.</summary>
    IQ1_M = 29,

    /// <summary>16-bit float (8 bits of exponent).</summary>
    BF16 = 30,

    /// <summary>Ternary, 1.69 bits per weight.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, 2.06 bits per weight.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit floats, one shared exponent per 32.</summary>
    MXFP4 = 39,

    /// <summary>4-bit floats, one 8-bit float scale per 16.</summary>
    NVFP4 = 40,

    /// <summary>1 bit, one scale per 128.</summary>
    Q1_0 = 41,

    /// <summary>2 bits, one scale per 64.</summary>
    Q2_0 = 42,
}

/// <summary>Block and byte sizes of <see cref="GgmlType"/>.</summary>
public static class GgmlTypes
{
    /// <summary>Elements of a block; 1 for plain types, 0 for a number that is no type.</summary>
    public static int BlockSize(this GgmlType type) => Layout(type).Elements;

    /// <summary>Bytes of a block; 0 for a number that is no type.</summary>
    public static int BlockBytes(this GgmlType type) => Layout(type).Bytes;

    /// <summary>True when this library knows the type's layout.</summary>
    public static bool IsKnown(this GgmlType type) => Layout(type).Elements != 0;

    /// <summary>Bytes of a row.</summary>
    /// <param name="type">A known type.</param>
    /// <param name="elements">Elements of the row, a multiple of <see cref="BlockSize"/>.</param>
    /// <exception cref="ArgumentException">The type is unknown or the row does not consist of whole blocks.</exception>
    public static long RowBytes(this GgmlType type, long elements)
    {
        (int block, int bytes) = Layout(type);
        if (block == 0) throw new ArgumentException($"There is no ggml type {(uint)type}.", nameof(type));
        if (elements < 0 || elements % block != 0)
            throw new ArgumentException($"A row of {elements} elements does not consist of whole {type} blocks of {block}.",
                nameof(elements));
        return checked(elements / block * bytes);
    }

    // Sizes as static_assert'ed in ggml-common.h; compared with the loaded library by a test.
    static (int Elements, int Bytes) Layout(GgmlType type) => type switch
    {
        GgmlType.F32 or GgmlType.I32 => (1, 4),
        GgmlType.F16 or GgmlType.BF16 or GgmlType.I16 => (1, 2),
        GgmlType.I8 => (1, 1),
        GgmlType.I64 or GgmlType.F64 => (1, 8),
        GgmlType.Q4_0 or GgmlType.IQ4_NL => (32, 18),
        GgmlType.Q4_1 => (32, 20),
        GgmlType.Q5_0 => (32, 22),
        GgmlType.Q5_1 => (32, 24),
        GgmlType.Q8_0 => (32, 34),
        GgmlType.Q8_1 => (32, 36),
        GgmlType.MXFP4 => (32, 17),
        GgmlType.NVFP4 => (64, 36),
        GgmlType.Q1_0 => (128, 18),
        GgmlType.Q2_0 => (64, 18),
        GgmlType.Q2_K => (256, 84),
        GgmlType.Q3_K or GgmlType.IQ3_S => (256, 110),
        GgmlType.Q4_K => (256, 144),
        GgmlType.Q5_K => (256, 176),
        GgmlType.Q6_K => (256, 210),
        GgmlType.Q8_K => (256, 292),
        GgmlType.IQ2_XXS or GgmlType.TQ2_0 => (256, 66),
        GgmlType.IQ2_XS => (256, 74),
        GgmlType.IQ2_S => (256, 82),
        GgmlType.IQ3_XXS => (256, 98),
        GgmlType.IQ1_S => (256, 50),
        GgmlType.IQ1_M => (256, 56),
        GgmlType.IQ4_XS => (256, 136),
        GgmlType.TQ1_0 => (256, 54),
        _ => (0, 0),
    };
}
