using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// Conversion between floats and stored blocks in managed code, for rows (token embeddings) and synthetic models; whole towers are
/// converted by ggml itself. Same arithmetic as the reference functions of ggml-quants.c, so results are equal bit for bit.
/// </summary>
public static partial class GgmlBlocks
{
    /// <summary>Floats of stored blocks.</summary>
    /// <param name="type">F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K.</param>
    /// <param name="source">Whole blocks.</param>
    /// <param name="destination">As many elements as the blocks hold.</param>
    /// <exception cref="NotSupportedException">Another type.</exception>
    /// <exception cref="ArgumentException">The lengths do not match.</exception>
    public static void Dequantize(GgmlType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        CheckLengths(type, destination.Length, source.Length);
        switch (type)
        {
            case GgmlType.F32: MemoryMarshal.Cast<byte, float>(source).CopyTo(destination); break;
            case GgmlType.F16: TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), destination); break;
            case GgmlType.BF16: FromBF16(MemoryMarshal.Cast<byte, ushort>(source), destination); break;
            case GgmlType.Q4_0: Blocks(type, source, destination, FromQ4_0); break;
            case GgmlType.Q4_1: Blocks(type, source, destination, FromQ4_1); break;
            case GgmlType.Q5_0: Blocks(type, source, destination, FromQ5_0); break;
            case GgmlType.Q5_1: Blocks(type, source, destination, FromQ5_1); break;
            case GgmlType.Q8_0: Blocks(type, source, destination, FromQ8_0); break;
            case GgmlType.Q4_K: Blocks(type, source, destination, FromQ4_K); break;
            case GgmlType.Q5_K: Blocks(type, source, destination, FromQ5_K); break;
            case GgmlType.Q6_K: Blocks(type, source, destination, FromQ6_K); break;
            default: throw new NotSupportedException($"{type} is not converted in managed code; ggml does it.");
        }
    }

    /// <summary>Stored blocks of floats.</summary>
    /// <param name="type">F32, F16, BF16, Q8_0 or Q4_0.</param>
    /// <param name="source">Finite values, whole blocks.</param>
    /// <param name="destination">As many bytes as the blocks take.</param>
    /// <exception cref="NotSupportedException">Another type.</exception>
    /// <exception cref="ArgumentException">The lengths do not match.</exception>
    public static void Quantize(GgmlType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        CheckLengths(type, source.Length, destination.Length);
        switch (type)
        {
            case GgmlType.F32: source.CopyTo(MemoryMarshal.Cast<byte, float>(destination)); break;
            case GgmlType.F16: TensorPrimitives.ConvertToHalf(source, MemoryMarshal.Cast<byte, Half>(destination)); break;
            case GgmlType.BF16: ToBF16(source, MemoryMarshal.Cast<byte, ushort>(destination)); break;
            case GgmlType.Q8_0:
                for (int i = 0; i < source.Length / 32; i++) ToQ8_0(source.Slice(i * 32, 32), destination.Slice(i * 34, 34));
                break;
            case GgmlType.Q4_0:
                for (int i = 0; i < source.Length / 32; i++) ToQ4_0(source.Slice(i * 32, 32), destination.Slice(i * 18, 18));
                break;
            default: throw new NotSupportedException($"{type} is not written by managed code; use llama.cpp's llama-quantize.");
        }
    }

    static void CheckLengths(GgmlType type, int elements, int bytes)
    {
        if (type.RowBytes(elements) != bytes)
            throw new ArgumentException($"{elements} elements of {type} take {type.RowBytes(elements)} bytes, not {bytes}.");
    }

    delegate void BlockReader(ReadOnlySpan<byte> block, Span<float> y);

    static void Blocks(GgmlType type, ReadOnlySpan<byte> source, Span<float> destination, BlockReader read)
    {
        int bytes = type.BlockBytes(), size = type.BlockSize();
        for (int i = 0; i * bytes < source.Length; i++) read(source.Slice(i * bytes, bytes), destination.Slice(i * size, size));
    }

    static float Scale(ReadOnlySpan<byte> at) => (float)BinaryPrimitives.ReadHalfLittleEndian(at);

    static void FromBF16(ReadOnlySpan<ushort> x, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++) y[i] = BitConverter.UInt32BitsToSingle((uint)x[i] << 16);
    }

    // Round to nearest even; NaN stays a quiet NaN.
    static void ToBF16(ReadOnlySpan<float> x, Span<ushort> y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(x[i]);
            y[i] = float.IsNaN(x[i]) ? (ushort)((bits >> 16) | 64) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    static void ToQ8_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        float d = MathF.Abs(TensorPrimitives.MaxMagnitude(x)) / 127;
        float inverse = d != 0 ? 1 / d : 0;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
        for (int i = 0; i < 32; i++) block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
    }

    static void ToQ4_0(ReadOnlySpan<float> x, Span<byte> block)
    {
        // The value of largest magnitude, with its sign, becomes -8, the end with the longer reach; the first of equals as in ggml.
        float largest = 0, magnitude = 0;
        foreach (float v in x)
        {
            if (MathF.Abs(v) > magnitude) (largest, magnitude) = (v, MathF.Abs(v));
        }
        float d = largest / -8;
        float inverse = d != 0 ? 1 / d : 0;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)d);
        for (int i = 0; i < 16; i++)
        {
            int low = Math.Min(15, (int)(x[i] * inverse + 8.5f));
            int high = Math.Min(15, (int)(x[16 + i] * inverse + 8.5f));
            block[2 + i] = (byte)(low | high << 4);
        }
    }
}
