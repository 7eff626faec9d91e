using System.Buffers.Binary;

namespace SK.FasterVlm.Gguf;

// One function per stored format: block layout as in ggml-common.h, arithmetic as in ggml-quants.c.
public static partial class GgmlBlocks
{
    static void FromQ4_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block);
        for (int i = 0; i < 16; i++)
        {
            y[i] = ((block[2 + i] & 15) - 8) * d;
            y[i + 16] = ((block[2 + i] >> 4) - 8) * d;
        }
    }

    static void FromQ4_1(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block), m = Scale(block[2..]);
        for (int i = 0; i < 16; i++)
        {
            y[i] = (block[4 + i] & 15) * d + m;
            y[i + 16] = (block[4 + i] >> 4) * d + m;
        }
    }

    static void FromQ5_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[2..]);
        for (int i = 0; i < 16; i++)
        {
            y[i] = ((block[6 + i] & 15 | (int)(high >> i << 4) & 16) - 16) * d;
            y[i + 16] = ((block[6 + i] >> 4 | (int)(high >> (i + 12)) & 16) - 16) * d;
        }
    }

    static void FromQ5_1(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block), m = Scale(block[2..]);
        uint high = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        for (int i = 0; i < 16; i++)
        {
            y[i] = (block[8 + i] & 15 | (int)(high >> i << 4) & 16) * d + m;
            y[i + 16] = (block[8 + i] >> 4 | (int)(high >> (i + 12)) & 16) * d + m;
        }
    }

    static void FromQ8_0(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block);
        for (int i = 0; i < 32; i++) y[i] = (sbyte)block[2 + i] * d;
    }

    static void FromQ4_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block), min = Scale(block[2..]);
        ReadOnlySpan<byte> scales = block.Slice(4, 12), q = block.Slice(16, 128);
        for (int j = 0; j < 8; j++)
        {
            (int scale, int offset) = ScaleAndMin(scales, j);
            float step = d * scale, low = min * offset;
            for (int l = 0; l < 32; l++) y[32 * j + l] = step * (q[j / 2 * 32 + l] >> (j % 2 * 4) & 15) - low;
        }
    }

    static void FromQ5_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block), min = Scale(block[2..]);
        ReadOnlySpan<byte> scales = block.Slice(4, 12), high = block.Slice(16, 32), q = block.Slice(48, 128);
        for (int j = 0; j < 8; j++)
        {
            (int scale, int offset) = ScaleAndMin(scales, j);
            float step = d * scale, low = min * offset;
            for (int l = 0; l < 32; l++)
                y[32 * j + l] = step * ((q[j / 2 * 32 + l] >> (j % 2 * 4) & 15) + (high[l] >> j & 1) * 16) - low;
        }
    }

    // Eight 6-bit scales and eight 6-bit minima packed in 12 bytes.
    static (int Scale, int Min) ScaleAndMin(ReadOnlySpan<byte> s, int j) => j < 4
        ? (s[j] & 63, s[j + 4] & 63)
        : (s[j + 4] & 15 | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4);

    static void FromQ6_K(ReadOnlySpan<byte> block, Span<float> y)
    {
        float d = Scale(block[208..]);
        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> low = block.Slice(half * 64, 64), high = block.Slice(128 + half * 32, 32);
            ReadOnlySpan<byte> scales = block.Slice(192 + half * 8, 8);
            for (int i = 0; i < 128; i++)
            {
                // Four runs of 32: low nibbles of both halves of `low`, then their high nibbles; two more bits come from `high`.
                int run = i / 32, l = i % 32;
                int q = low[run % 2 * 32 + l] >> (run / 2 * 4) & 15 | (high[l] >> (2 * run) & 3) << 4;
                y[half * 128 + i] = d * (sbyte)scales[l / 16 + 2 * run] * (q - 32);
            }
        }
    }
}
