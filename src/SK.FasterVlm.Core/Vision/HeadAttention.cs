using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace SK.FasterVlm.Vision;

/// <summary>
/// softmax(q k^T * scale) v for one head in 32-bit floats, 32 queries at a time with one query to a vector lane, so that the softmax needs no
/// sums across lanes. One small product does all the work: 8 numbers by 32 lanes, sixteen sums in registers.
/// </summary>
/// <remarks>ggml's flash attention takes three times as long on the same processor (measured with AVX-512, 577 rows, 16 heads of 64).</remarks>
internal static unsafe class HeadAttention
{
    /// <summary>Queries worked on at once.</summary>
    public const int Lanes = 32;

    const int Group = 8;

    /// <summary>Whether this processor has vectors that are wide enough to gain from it.</summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated;

    /// <summary>Whether heads of this width can be done.</summary>
    public static bool Fits(long headWidth) => headWidth % Group == 0;

    /// <summary>Floats of working memory one thread needs.</summary>
    public static long ScratchFloats(long headWidth, long keys) => headWidth * (2 * Padded(keys) + 2 * Lanes) + Padded(keys) * Lanes;

    static long Padded(long keys) => (keys + Group - 1) / Group * Group;

    /// <summary>Computes queries <paramref name="from"/> to <paramref name="to"/> of a head.</summary>
    /// <param name="q">Row 0 of the head's queries, each <paramref name="width"/> floats.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="keys">Number of keys and values.</param>
    /// <param name="width">Width of a head.</param>
    /// <param name="scale">Of the scores, before the softmax.</param>
    /// <param name="from">First query.</param>
    /// <param name="to">Query after the last.</param>
    /// <param name="result">As <paramref name="q"/>.</param>
    /// <param name="scratch"><see cref="ScratchFloats"/>.</param>
    public static void Run(
        in Rows q, in Rows k, in Rows v, int keys, int width, float scale, long from, long to, in Rows result, float* scratch)
    {
        int padded = (int)Padded(keys);
        float* keyGroups = scratch; // [padded / 8][width][8]
        float* valueGroups = keyGroups + padded * width; // [width / 8][keys][8]
        float* queries = valueGroups + padded * width; // [width][32]
        float* sums = queries + width * Lanes; // [width][32]
        float* scores = sums + width * Lanes; // [padded][32]

        if (padded > keys) new Span<float>(keyGroups + (padded - Group) * width, Group * width).Clear();
        for (int key = 0; key < keys; key++) Scatter(k.At(key), width, 1, keyGroups + key / Group * (Group * width) + key % Group, Group);
        for (int i = 0; i < width; i += Group)
            for (int key = 0; key < keys; key++)
                Vector256.Load(v.At(key) + i).Store(valueGroups + (i * keys) + key * Group);

        for (long first = from; first < to; first += Lanes)
        {
            int count = (int)Math.Min(Lanes, to - first);
            if (count < Lanes) new Span<float>(queries, width * Lanes).Clear();
            for (int lane = 0; lane < count; lane++) Scatter(q.At(first + lane), width, scale, queries + lane, Lanes);
            for (int key = 0; key < padded; key += Group) Multiply(keyGroups + key * width, queries, width, scores + key * Lanes);
            (Vector512<float> low, Vector512<float> high) = Exponentials(scores, keys);
            for (int i = 0; i < width; i += Group) Multiply(valueGroups + i * keys, scores, keys, sums + i * Lanes);

            (low, high) = (Vector512<float>.One / low, Vector512<float>.One / high);
            for (int i = 0; i < width; i++)
            {
                float* row = sums + i * Lanes;
                (Vector512.Load(row) * low).Store(row);
                (Vector512.Load(row + 16) * high).Store(row + 16);
            }
            for (int lane = 0; lane < count; lane++)
            {
                float* row = result.At(first + lane);
                float* column = sums + lane;
                for (int i = 0; i < width; i++, column += Lanes) row[i] = *column;
            }
        }
    }

    // A row to every so many floats; a multiple of eight.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Scatter(float* row, int width, float factor, float* to, int step)
    {
        for (int i = 0; i < width; i += 4, row += 4, to += 4 * step)
        {
            to[0] = row[0] * factor;
            to[step] = row[1] * factor;
            to[2 * step] = row[2] * factor;
            to[3 * step] = row[3] * factor;
        }
    }

    // Replaces scores by exp(score - largest of the lane) and returns their sums.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static (Vector512<float>, Vector512<float>) Exponentials(float* scores, int keys)
    {
        Vector512<float> mostL = Vector512.Load(scores), mostH = Vector512.Load(scores + 16), sumL = default, sumH = default;
        for (int key = 1; key < keys; key++)
        {
            mostL = Vector512.MaxNative(mostL, Vector512.Load(scores + key * Lanes));
            mostH = Vector512.MaxNative(mostH, Vector512.Load(scores + key * Lanes + 16));
        }
        for (int key = 0; key < keys; key++, scores += Lanes)
        {
            Vector512<float> belowL = Vector512.Load(scores) - mostL, belowH = Vector512.Load(scores + 16) - mostH;
            Vector512<float> low = VectorExp.Exp(belowL), high = VectorExp.Exp(belowH);
            low.Store(scores);
            high.Store(scores + 16);
            // Nothing is added but by what is not a number, which would be lost.
            sumL = Vector512.FusedMultiplyAdd(belowL, Vector512<float>.Zero, sumL + low);
            sumH = Vector512.FusedMultiplyAdd(belowH, Vector512<float>.Zero, sumH + high);
        }
        return (sumL, sumH);
    }

    // c [8][32] = sum over t of a [t][8] * b [t][32].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Multiply(float* a, float* b, int count, float* c)
    {
        Vector512<float> c0l = default, c0h = default, c1l = default, c1h = default, c2l = default, c2h = default, c3l = default,
            c3h = default, c4l = default, c4h = default, c5l = default, c5h = default, c6l = default, c6h = default, c7l = default,
            c7h = default;
        for (int t = 0; t < count; t++)
        {
            Vector512<float> low = Vector512.Load(b), high = Vector512.Load(b + 16), x;
            x = Vector512.Create(a[0]);
            c0l = Vector512.FusedMultiplyAdd(x, low, c0l);
            c0h = Vector512.FusedMultiplyAdd(x, high, c0h);
            x = Vector512.Create(a[1]);
            c1l = Vector512.FusedMultiplyAdd(x, low, c1l);
            c1h = Vector512.FusedMultiplyAdd(x, high, c1h);
            x = Vector512.Create(a[2]);
            c2l = Vector512.FusedMultiplyAdd(x, low, c2l);
            c2h = Vector512.FusedMultiplyAdd(x, high, c2h);
            x = Vector512.Create(a[3]);
            c3l = Vector512.FusedMultiplyAdd(x, low, c3l);
            c3h = Vector512.FusedMultiplyAdd(x, high, c3h);
            x = Vector512.Create(a[4]);
            c4l = Vector512.FusedMultiplyAdd(x, low, c4l);
            c4h = Vector512.FusedMultiplyAdd(x, high, c4h);
            x = Vector512.Create(a[5]);
            c5l = Vector512.FusedMultiplyAdd(x, low, c5l);
            c5h = Vector512.FusedMultiplyAdd(x, high, c5h);
            x = Vector512.Create(a[6]);
            c6l = Vector512.FusedMultiplyAdd(x, low, c6l);
            c6h = Vector512.FusedMultiplyAdd(x, high, c6h);
            x = Vector512.Create(a[7]);
            c7l = Vector512.FusedMultiplyAdd(x, low, c7l);
            c7h = Vector512.FusedMultiplyAdd(x, high, c7h);
            a += Group;
            b += Lanes;
        }
        c0l.Store(c);
        c0h.Store(c + 16);
        c1l.Store(c + 1 * Lanes);
        c1h.Store(c + 1 * Lanes + 16);
        c2l.Store(c + 2 * Lanes);
        c2h.Store(c + 2 * Lanes + 16);
        c3l.Store(c + 3 * Lanes);
        c3h.Store(c + 3 * Lanes + 16);
        c4l.Store(c + 4 * Lanes);
        c4h.Store(c + 4 * Lanes + 16);
        c5l.Store(c + 5 * Lanes);
        c5h.Store(c + 5 * Lanes + 16);
        c6l.Store(c + 6 * Lanes);
        c6h.Store(c + 6 * Lanes + 16);
        c7l.Store(c + 7 * Lanes);
        c7h.Store(c + 7 * Lanes + 16);
    }

    /// <summary>Rows of a head at any distance from each other.</summary>
    internal readonly struct Rows(byte* first, nint stride)
    {
        /// <summary>A row of floats.</summary>
        public float* At(long row) => (float*)(first + (nint)row * stride);
    }
}
