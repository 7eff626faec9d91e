using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Rows of floats as the other factor of <see cref="RepackedProduct"/>: 8-bit numbers, blocks of 32 with one scale, 128 added to each, six
/// rows to a tile.
/// <code>
/// tile of 6 rows:  quants  [width / 4][6][4]   byte
///                  scales  [width / 32][6]     float
/// </code>
/// </summary>
internal static unsafe class RepackedRows
{
    /// <summary>Rows of a tile.</summary>
    public const int Tile = 6;

    const int Block = RepackedMatrix.Block;

    /// <summary>Bytes of a tile.</summary>
    public static long TileBytes(long width) => width * Tile + width / Block * Tile * sizeof(float);

    /// <summary>Width of the rows in tiles of so many bytes.</summary>
    public static int WidthOf(long tileBytes) => (int)(tileBytes / (Block * Tile + Tile * sizeof(float)) * Block);

    /// <summary>Number of tiles for so many rows.</summary>
    public static long TileCount(long rows) => (rows + Tile - 1) / Tile;

    /// <summary>Quantises up to six rows.</summary>
    /// <param name="rows">First row.</param>
    /// <param name="stride">Bytes from row to row.</param>
    /// <param name="count">Rows, 1 to 6; those missing become zero.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="norm">A LayerNorm to apply first.</param>
    /// <param name="tile">Receives <see cref="TileBytes"/>.</param>
    public static void Quantize(byte* rows, nint stride, int count, int width, in Norm norm, byte* tile)
    {
        var scales = (float*)(tile + width * Tile);
        if (count < Tile) new Span<byte>(tile, (int)TileBytes(width)).Clear();
        for (int row = 0; row < count; row++)
        {
            var values = (float*)(rows + row * stride);
            if (norm.Weight is null) Row(values, width, tile + row * 4, scales + row);
            else NormedRow(values, width, norm, tile + row * 4, scales + row);
        }
    }

    static void Row(float* values, int width, byte* quants, float* scales)
    {
        for (int i = 0; i < width; i += Block, quants += Block * Tile, scales += Tile)
        {
            QuantizeBlock(
                Vector256.Load(values + i), Vector256.Load(values + i + 8), Vector256.Load(values + i + 16), Vector256.Load(values + i + 24),
                quants, scales);
        }
    }

    static void NormedRow(float* values, int width, in Norm norm, byte* quants, float* scales)
    {
        Vector256<float> sum = default, squares = default;
        for (int i = 0; i < width; i += 8) sum += Vector256.Load(values + i);
        Vector256<float> mean = Vector256.Create(Vector256.Sum(sum) / width);
        for (int i = 0; i < width; i += 8)
        {
            Vector256<float> centred = Vector256.Load(values + i) - mean;
            squares = Vector256.FusedMultiplyAdd(centred, centred, squares);
        }
        Vector256<float> factor = Vector256.Create(1 / MathF.Sqrt(Vector256.Sum(squares) / width + norm.Epsilon));
        for (int i = 0; i < width; i += Block, quants += Block * Tile, scales += Tile)
        {
            QuantizeBlock(
                Normed(values, i, mean, factor, norm), Normed(values, i + 8, mean, factor, norm),
                Normed(values, i + 16, mean, factor, norm), Normed(values, i + 24, mean, factor, norm), quants, scales);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Normed(float* values, int i, Vector256<float> mean, Vector256<float> factor, in Norm norm) =>
        Vector256.FusedMultiplyAdd(
            (Vector256.Load(values + i) - mean) * factor, Vector256.Load(norm.Weight + i), Vector256.Load(norm.Bias + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void QuantizeBlock(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d, byte* quants, float* scale)
    {
        // Max keeps what is not a number, so that a damaged weight shows in the result.
        Vector256<float> most = Vector256.Max(
            Vector256.Max(Vector256.Abs(a), Vector256.Abs(b)), Vector256.Max(Vector256.Abs(c), Vector256.Abs(d)));
        Vector128<float> four = Vector128.Max(most.GetLower(), most.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        float largest = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();
        *scale = largest / 127;
        Vector256<float> inverse = Vector256.Create(largest > 0 ? 127 / largest : 0);

        // Two packs bring four bytes of one vector together, in the order 0 2 4 6 1 3 5 7 of the steps.
        Vector256<short> ab = Avx2.PackSignedSaturate(Round(a, inverse), Round(b, inverse));
        Vector256<short> cd = Avx2.PackSignedSaturate(Round(c, inverse), Round(d, inverse));
        Vector256<int> steps = Avx2.PackUnsignedSaturate(ab, cd).AsInt32();
        *(int*)quants = steps.GetElement(0);
        *(int*)(quants + 4 * Tile) = steps.GetElement(4);
        *(int*)(quants + 8 * Tile) = steps.GetElement(1);
        *(int*)(quants + 12 * Tile) = steps.GetElement(5);
        *(int*)(quants + 16 * Tile) = steps.GetElement(2);
        *(int*)(quants + 20 * Tile) = steps.GetElement(6);
        *(int*)(quants + 24 * Tile) = steps.GetElement(3);
        *(int*)(quants + 28 * Tile) = steps.GetElement(7);
    }

    // Positive by then, so that cutting off rounds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Round(Vector256<float> values, Vector256<float> inverse) =>
        Vector256.ConvertToInt32Native(Vector256.FusedMultiplyAdd(values, inverse, Vector256.Create(128.5f)));

    /// <summary>A LayerNorm, or none when <see cref="Weight"/> is null.</summary>
    internal readonly struct Norm(float* weight, float* bias, float epsilon)
    {
        public float* Weight { get; } = weight;
        public float* Bias { get; } = bias;
        public float Epsilon { get; } = epsilon;
    }
}
