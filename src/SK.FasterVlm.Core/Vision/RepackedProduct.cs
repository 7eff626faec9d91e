using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace SK.FasterVlm.Vision;

/// <summary>What is done to a product before it is stored.</summary>
internal enum ProductActivation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>x * sigmoid(1.702 x).</summary>
    QuickGelu,
}

/// <summary>
/// rows * matrix transposed, both in 8-bit blocks: six rows by sixteen outputs at a time, twelve sums in registers. Products of bytes are
/// exact in 32 bits; each block of 32 is then scaled and added in floats, as ggml's Q8_0 does.
/// </summary>
internal static unsafe class RepackedProduct
{
    const int Block = RepackedMatrix.Block;
    const int Panel = RepackedMatrix.Panel;

    /// <summary>Computes some outputs for every row.</summary>
    /// <param name="rows">Tiles from <see cref="RepackedRows"/>.</param>
    /// <param name="count">Rows.</param>
    /// <param name="width">Inputs.</param>
    /// <param name="matrix">Panels from <see cref="RepackedMatrix"/>.</param>
    /// <param name="from">First panel.</param>
    /// <param name="to">Panel after the last.</param>
    /// <param name="finish">What becomes of the products.</param>
    /// <param name="result">[outputs, count].</param>
    /// <param name="outputs">All outputs.</param>
    public static void Run(
        byte* rows, long count, int width, byte* matrix, long from, long to, in Finish finish, float* result, long outputs)
    {
        // Two panels at a time: tiles then come from the outer caches half as often.
        float* products = stackalloc float[RepackedRows.Tile * Panel];
        long panelBytes = RepackedMatrix.PanelBytes(width), tileBytes = RepackedRows.TileBytes(width);
        for (long pair = from; pair < to; pair += 2)
        {
            for (long row = 0; row < count; row += RepackedRows.Tile)
            {
                for (long panel = pair; panel < Math.Min(to, pair + 2); panel++)
                {
                    Multiply(rows + row / RepackedRows.Tile * tileBytes, matrix + panel * panelBytes, width, products);
                    int valid = (int)Math.Min(RepackedRows.Tile, count - row);
                    for (int i = 0; i < valid; i++) finish.Store(products + i * Panel, result, (row + i) * outputs, panel * Panel);
                }
            }
        }
    }

    /// <summary>A tile of rows by a panel of outputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Multiply(byte* tile, byte* panel, int width, float* products)
    {
        byte* a = tile;
        var rowScale = (float*)(tile + width * RepackedRows.Tile);
        var b = (sbyte*)panel;
        var scale = (float*)(panel + width * Panel);
        var sum = (short*)(panel + width * Panel + width / Block * Panel * sizeof(float));
        Vector256<float> f0l = default, f0h = default, f1l = default, f1h = default, f2l = default, f2h = default,
            f3l = default, f3h = default, f4l = default, f4h = default, f5l = default, f5h = default;
        for (int block = 0; block < width / Block; block++)
        {
            // (a + 128) b = a b + 128 b: the sums start below zero by that much.
            Vector256<int> zeroL = -(Vector256.WidenLower(Vector256.Load(sum)) << 7), zeroH = -(Vector256.WidenUpper(Vector256.Load(sum)) << 7);
            Vector256<int> s0l = zeroL, s0h = zeroH, s1l = zeroL, s1h = zeroH, s2l = zeroL, s2h = zeroH,
                s3l = zeroL, s3h = zeroH, s4l = zeroL, s4h = zeroH, s5l = zeroL, s5h = zeroH;
            for (int step = 0; step < Block / 4; step++)
            {
                Vector256<sbyte> low = Vector256.Load(b), high = Vector256.Load(b + 32);
                var four = (int*)a;
                Vector256<byte> x;
                x = Vector256.Create(four[0]).AsByte();
                s0l = AvxVnni.MultiplyWideningAndAdd(s0l, x, low);
                s0h = AvxVnni.MultiplyWideningAndAdd(s0h, x, high);
                x = Vector256.Create(four[1]).AsByte();
                s1l = AvxVnni.MultiplyWideningAndAdd(s1l, x, low);
                s1h = AvxVnni.MultiplyWideningAndAdd(s1h, x, high);
                x = Vector256.Create(four[2]).AsByte();
                s2l = AvxVnni.MultiplyWideningAndAdd(s2l, x, low);
                s2h = AvxVnni.MultiplyWideningAndAdd(s2h, x, high);
                x = Vector256.Create(four[3]).AsByte();
                s3l = AvxVnni.MultiplyWideningAndAdd(s3l, x, low);
                s3h = AvxVnni.MultiplyWideningAndAdd(s3h, x, high);
                x = Vector256.Create(four[4]).AsByte();
                s4l = AvxVnni.MultiplyWideningAndAdd(s4l, x, low);
                s4h = AvxVnni.MultiplyWideningAndAdd(s4h, x, high);
                x = Vector256.Create(four[5]).AsByte();
                s5l = AvxVnni.MultiplyWideningAndAdd(s5l, x, low);
                s5h = AvxVnni.MultiplyWideningAndAdd(s5h, x, high);
                a += 4 * RepackedRows.Tile;
                b += 4 * Panel;
            }
            Vector256<float> scaleL = Vector256.Load(scale), scaleH = Vector256.Load(scale + 8), r;
            r = Vector256.Create(rowScale[0]);
            f0l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s0l), scaleL * r, f0l);
            f0h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s0h), scaleH * r, f0h);
            r = Vector256.Create(rowScale[1]);
            f1l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s1l), scaleL * r, f1l);
            f1h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s1h), scaleH * r, f1h);
            r = Vector256.Create(rowScale[2]);
            f2l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s2l), scaleL * r, f2l);
            f2h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s2h), scaleH * r, f2h);
            r = Vector256.Create(rowScale[3]);
            f3l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s3l), scaleL * r, f3l);
            f3h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s3h), scaleH * r, f3h);
            r = Vector256.Create(rowScale[4]);
            f4l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s4l), scaleL * r, f4l);
            f4h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s4h), scaleH * r, f4h);
            r = Vector256.Create(rowScale[5]);
            f5l = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s5l), scaleL * r, f5l);
            f5h = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s5h), scaleH * r, f5h);
            rowScale += RepackedRows.Tile;
            scale += Panel;
            sum += Panel;
        }
        f0l.Store(products);
        f0h.Store(products + 1 * 8);
        f1l.Store(products + 2 * 8);
        f1h.Store(products + 3 * 8);
        f2l.Store(products + 4 * 8);
        f2h.Store(products + 5 * 8);
        f3l.Store(products + 6 * 8);
        f3h.Store(products + 7 * 8);
        f4l.Store(products + 8 * 8);
        f4h.Store(products + 9 * 8);
        f5l.Store(products + 10 * 8);
        f5h.Store(products + 11 * 8);
    }

    /// <summary>Bias, activation and residual, each optional, in this order.</summary>
    internal readonly struct Finish(float* bias, ProductActivation activation, float* residual)
    {
        /// <summary>Stores sixteen outputs of a row.</summary>
        public void Store(float* products, float* result, long row, long output)
        {
            for (int i = 0; i < Panel; i += 8, output += 8)
            {
                Vector256<float> value = Vector256.Load(products + i);
                if (bias is not null) value += Vector256.Load(bias + output);
                if (activation == ProductActivation.QuickGelu) value = QuickGelu(value);
                if (residual is not null) value += Vector256.Load(residual + row + output);
                value.Store(result + row + output);
            }
        }

        static Vector256<float> QuickGelu(Vector256<float> x) =>
            x / (Vector256<float>.One + VectorExp.Exp(x * Vector256.Create(-1.702f)));
    }
}
