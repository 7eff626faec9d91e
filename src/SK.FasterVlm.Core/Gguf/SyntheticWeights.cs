using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Gguf;

/// <summary>
/// Random weights of mean 0 and a given standard deviation, made at the speed of memory. A tensor is a sequence of groups of 64 KB or
/// so, each with a generator seeded by model seed, tensor name and group number: the result does not depend on threads or pieces.
/// </summary>
sealed class SyntheticWeights(int seed)
{
    const int GroupElements = 32 * 1024;
    const int QuantileBits = 12;

    // Values at the middles of 4096 equal slices of the normal distribution: one look-up per weight, four weights per random number.
    static readonly float[] Quantiles =
        [.. Enumerable.Range(0, 1 << QuantileBits).Select(static i => Normal((i + 0.5) / (1 << QuantileBits)))];

    /// <summary>Writer of a random tensor.</summary>
    /// <param name="name">Part of the seed.</param>
    /// <param name="type">F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K.</param>
    /// <param name="deviation">Standard deviation of the weights.</param>
    /// <param name="mean">Mean, for the gains of norms (F32 only).</param>
    internal TensorFill Random(string name, GgmlType type, float deviation, float mean = 0)
    {
        ulong key = Hash(name) ^ (ulong)(uint)seed * 0x9E3779B97F4A7C15;
        int groupBytes = (int)type.RowBytes(GroupElements);
        Action<Memory<byte>, Generator> fill = Filler(type, deviation, mean);
        return (destination, start) =>
        {
            long first = start / groupBytes, last = (start + destination.Length - 1) / groupBytes;
            if (first == last) FillGroup(first);
            else Parallel.For(first, last + 1, FillGroup);

            void FillGroup(long group)
            {
                // Pieces begin anywhere, groups do not. A group's first bytes are the same however many are asked for.
                long begin = group * groupBytes - start;
                int from = (int)Math.Max(0, begin), to = (int)Math.Min(destination.Length, begin + groupBytes);
                var generator = new Generator(key + (ulong)group * 0xD1B54A32D192ED03);
                if (from == begin)
                {
                    fill(destination[from..to], generator);
                    return;
                }
                byte[] head = new byte[to - begin];
                fill(head, generator);
                head.AsSpan((int)(from - begin)).CopyTo(destination.Span[from..to]);
            }
        };
    }

    static Action<Memory<byte>, Generator> Filler(GgmlType type, float deviation, float mean)
    {
        switch (type)
        {
            case GgmlType.F32:
                return (bytes, g) => Pick(MemoryMarshal.Cast<byte, float>(bytes.Span), g, [.. Quantiles.Select(q => mean + deviation * q)]);
            case GgmlType.F16:
                Half[] halves = [.. Quantiles.Select(q => (Half)(deviation * q))];
                return (bytes, g) => Pick(MemoryMarshal.Cast<byte, Half>(bytes.Span), g, halves);
            case GgmlType.BF16:
                byte[] bytes16 = new byte[2 * Quantiles.Length];
                GgmlBlocks.Quantize(GgmlType.BF16, [.. Quantiles.Select(q => deviation * q)], bytes16);
                ushort[] shorts = MemoryMarshal.Cast<byte, ushort>(bytes16).ToArray();
                return (bytes, g) => Pick(MemoryMarshal.Cast<byte, ushort>(bytes.Span), g, shorts);
            // Random nibbles 0..15 stand for -8..7: mean -1/2, deviation 4.64. The scale's random sign takes the mean away, which
            // would otherwise add up along every row and drown the signal.
            case GgmlType.Q4_0: return (bytes, g) => Blocks(bytes.Span, 18, 0, deviation / 4.64f, g);
            // Random bytes stand for -128..127: deviation 73.9.
            case GgmlType.Q8_0: return (bytes, g) => Blocks(bytes.Span, 34, 0, deviation / 73.9f, g);
            case GgmlType.Q4_K: return (bytes, g) => WithMinimum(bytes.Span, 144, 15, deviation, g);
            case GgmlType.Q5_K: return (bytes, g) => WithMinimum(bytes.Span, 176, 31, deviation, g);
            case GgmlType.Q6_K: return (bytes, g) => SuperBlocks(bytes.Span, deviation, g);
            default: throw new NotSupportedException($"Synthetic weights can be F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K, not {type}.");
        }
    }

    static void Pick<T>(Span<T> values, Generator g, T[] table) where T : unmanaged
    {
        for (int i = 0; i < values.Length;)
        {
            ulong bits = g.Next();
            for (int end = Math.Min(values.Length, i + 4); i < end; i++, bits >>= 16) values[i] = table[bits & ((1 << QuantileBits) - 1)];
        }
    }

    // Blocks whose 16-bit scale lies at scaleOffset and whose other bytes are the weights.
    static void Blocks(Span<byte> bytes, int blockBytes, int scaleOffset, float scale, Generator g)
    {
        g.Fill(bytes);
        ushort positive = BitConverter.HalfToUInt16Bits((Half)scale);
        for (int at = scaleOffset; at < bytes.Length; at += blockBytes)
        {
            int sign = bytes[at + 1] & 0x80;
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], (ushort)(positive | sign << 8));
        }
    }

    // Q4_K, Q5_K: a 16-bit scale, one of minima, 8 + 8 packed 6-bit scales and minima (all 1 here), and weights from 0 to their largest.
    static void WithMinimum(Span<byte> bytes, int blockBytes, int largest, float deviation, Generator g)
    {
        // Of n equally likely numbers next to each other: sqrt((n^2 - 1) / 12).
        float scale = deviation / MathF.Sqrt(((largest + 1) * (largest + 1) - 1) / 12f);
        g.Fill(bytes);
        for (int at = 0; at < bytes.Length; at += blockBytes)
        {
            BinaryPrimitives.WriteHalfLittleEndian(bytes[at..], (Half)scale);
            BinaryPrimitives.WriteHalfLittleEndian(bytes[(at + 2)..], (Half)(scale * largest / 2)); // takes the mean away
            bytes.Slice(at + 4, 8).Fill(0x01);
            bytes.Slice(at + 12, 4).Fill(0x11);
        }
    }

    // Q6_K: 192 bytes of weights (-32..31, deviation 18.5), 16 signed 8-bit scales, one 16-bit scale.
    static void SuperBlocks(Span<byte> bytes, float deviation, Generator g)
    {
        const int subScale = 64;
        g.Fill(bytes);
        for (int at = 0; at < bytes.Length; at += 210)
        {
            foreach (ref byte scale in bytes.Slice(at + 192, 16)) scale = (byte)(sbyte)((scale & 1) != 0 ? subScale : -subScale);
            BinaryPrimitives.WriteHalfLittleEndian(bytes[(at + 208)..], (Half)(deviation / (18.5f * subScale)));
        }
    }

    // FNV-1a: string.GetHashCode differs from process to process.
    static ulong Hash(string name) => name.Aggregate(0xCBF29CE484222325, static (hash, c) => (hash ^ c) * 0x100000001B3);

    // Inverse of the normal distribution (Acklam's rational approximation, relative error under 1.2e-9).
    static float Normal(double p)
    {
        const double low = 0.02425;
        if (p > 1 - low) return -Normal(1 - p);
        if (p < low)
        {
            double t = Math.Sqrt(-2 * Math.Log(p));
            return (float)((((((-7.784894002430293e-03 * t - 3.223964580411365e-01) * t - 2.400758277161838) * t - 2.549732539343734) * t
                + 4.374664141464968) * t + 2.938163982698783) / ((((7.784695709041462e-03 * t + 3.224671290700398e-01) * t
                + 2.445134137142996) * t + 3.754408661907416) * t + 1));
        }
        double q = p - 0.5, r = q * q;
        return (float)((((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r
            + 1.383577518672690e+02) * r - 3.066479806614716e+01) * r + 2.506628277459239) * q / (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r
            - 1.556989798598866e+02) * r + 6.680131188771972e+01) * r - 1.328068155288572e+01) * r + 1));
    }

    /// <summary>xoshiro256** seeded by splitmix64.</summary>
    sealed class Generator
    {
        ulong _a, _b, _c, _d;

        internal Generator(ulong seed) => (_a, _b, _c, _d) = (Split(ref seed), Split(ref seed), Split(ref seed), Split(ref seed));

        internal ulong Next()
        {
            ulong result = ulong.RotateLeft(_b * 5, 7) * 9, t = _b << 17;
            _c ^= _a;
            _d ^= _b;
            _b ^= _c;
            _a ^= _d;
            _c ^= t;
            _d = ulong.RotateLeft(_d, 45);
            return result;
        }

        internal void Fill(Span<byte> bytes)
        {
            Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
            for (int i = 0; i < words.Length; i++) words[i] = Next();
            ulong rest = Next();
            foreach (ref byte b in bytes[(words.Length * 8)..])
            {
                b = (byte)rest;
                rest >>= 8;
            }
        }

        static ulong Split(ref ulong state)
        {
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
            z = (z ^ z >> 27) * 0x94D049BB133111EB;
            return z ^ z >> 31;
        }
    }
}
