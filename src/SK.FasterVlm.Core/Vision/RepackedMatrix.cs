using System.Runtime.Intrinsics.X86;

namespace SK.FasterVlm.Vision;

/// <summary>
/// A matrix in 8-bit numbers, laid out for <see cref="RepackedProduct"/>: blocks of 32 inputs share one scale per output, as in ggml's
/// Q8_0, but the scale is a 32-bit float and 16 outputs lie together, so that one vector register holds four inputs of eight outputs.
/// <code>
/// panel of 16 outputs:  quants  [in / 4][16][4]   sbyte
///                       scales  [in / 32][16]     float
///                       sums    [in / 32][16]     short, the sum of a block's quants
/// </code>
/// The sums undo the 128 that is added to the other factor, which the processor wants unsigned. 38 bytes for 32 weights.
/// </summary>
internal static unsafe class RepackedMatrix
{
    /// <summary>Inputs that share a scale.</summary>
    public const int Block = 32;

    /// <summary>Outputs that lie together.</summary>
    public const int Panel = 16;

    /// <summary>
    /// Whether this processor has the instructions: products of bytes summed in fours (AVX-VNNI: Intel since Alder Lake and Sapphire
    /// Rapids, AMD since Zen 5).
    /// </summary>
    public static bool IsSupported => AvxVnni.IsSupported && Avx2.IsSupported && Fma.IsSupported;

    /// <summary>Whether a matrix of these sizes can be laid out so.</summary>
    public static bool Fits(long inputs, long outputs) => inputs % Block == 0 && outputs % Panel == 0;

    /// <summary>Bytes of one panel: quants, scales and sums.</summary>
    public static long PanelBytes(long inputs) => inputs * Panel + ScaleBytes(inputs) + inputs / Block * Panel * sizeof(short);

    /// <summary>Bytes of the scales of one panel.</summary>
    public static long ScaleBytes(long inputs) => inputs / Block * Panel * sizeof(float);

    /// <summary>Quantises 16 rows, one per output.</summary>
    /// <param name="rows">[16][inputs].</param>
    /// <param name="panel">Receives <see cref="PanelBytes"/>.</param>
    public static void Pack(ReadOnlySpan<float> rows, Span<byte> panel)
    {
        int inputs = rows.Length / Panel;
        fixed (byte* first = panel)
        {
            var quants = (sbyte*)first;
            var scales = (float*)(first + inputs * Panel);
            var sums = (short*)(first + inputs * Panel + ScaleBytes(inputs));
            for (int output = 0; output < Panel; output++)
            {
                for (int block = 0; block < inputs / Block; block++)
                {
                    ReadOnlySpan<float> values = rows.Slice(output * inputs + block * Block, Block);
                    float largest = 0;
                    foreach (float value in values) largest = MathF.Max(largest, MathF.Abs(value)); // keeps what is not a number
                    float inverse = largest > 0 ? 127 / largest : 0;
                    int sum = 0;
                    for (int i = 0; i < Block; i++)
                    {
                        var quant = (sbyte)Math.Clamp(MathF.Round(values[i] * inverse), -127, 127);
                        quants[(block * Block + i) / 4 * (4 * Panel) + output * 4 + i % 4] = quant;
                        sum += quant;
                    }
                    scales[block * Panel + output] = largest / 127;
                    sums[block * Panel + output] = (short)sum;
                }
            }
        }
    }
}
