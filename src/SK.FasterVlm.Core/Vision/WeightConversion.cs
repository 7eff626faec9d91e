using System.Buffers;
using System.Runtime.ExceptionServices;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Vision;

/// <summary>
/// Reads tensors of a file and writes them to a device in another element type, a few rows at a time and on several threads.
/// </summary>
internal static unsafe class WeightConversion
{
    const int ChunkElements = 1 << 18; // 1 MB of floats per thread beside the result

    /// <summary>The type a matrix is held in.</summary>
    /// <param name="stored">Type in the file.</param>
    /// <param name="rowLength">Elements of a row.</param>
    /// <param name="precision">What was asked for.</param>
    /// <param name="isCpu">Whether a CPU runs the tower; matters for <see cref="TowerPrecision.Auto"/>.</param>
    public static GgmlType TargetType(GgmlType stored, long rowLength, TowerPrecision precision, bool isCpu)
    {
        bool plain = stored is GgmlType.F32 or GgmlType.F16 or GgmlType.BF16;
        return precision switch
        {
            TowerPrecision.AsStored => stored,
            TowerPrecision.Auto when !plain => stored, // converting again would only lose
            TowerPrecision.F32 => GgmlType.F32,
            TowerPrecision.F16 => GgmlType.F16,
            TowerPrecision.Auto when !isCpu => GgmlType.F16,
            _ => rowLength % GgmlType.Q8_0.BlockSize() == 0 ? GgmlType.Q8_0 : GgmlType.F16,
        };
    }

    /// <summary>Fills tensors that have memory already.</summary>
    /// <param name="file">Where they come from.</param>
    /// <param name="work">Source and destination, of equal element counts.</param>
    /// <param name="threads">Threads to convert with.</param>
    /// <param name="isCpu">Whether the destination is plain memory, which several threads may write at once.</param>
    public static void Run(GgufFile file, IReadOnlyList<(GgufTensorInfo Source, nint Destination)> work, int threads, bool isCpu)
    {
        var device = new Lock();
        try
        {
            // The largest first, so that no thread is left with one at the end.
            Parallel.ForEach(
                work.OrderByDescending(static w => w.Source.ElementCount), new ParallelOptions { MaxDegreeOfParallelism = threads },
                w => Convert(file, w.Source, (ggml_tensor*)w.Destination, isCpu ? null : device));
        }
        catch (AggregateException e) when (e.InnerException is NotSupportedException unknown)
        {
            throw new ModelFormatException(
                $"The vision tower cannot be converted: {unknown.Message} Choose TowerPrecision.AsStored.", innerException: unknown);
        }
        catch (AggregateException e) when (e.InnerException is FasterVlmException or IOException)
        {
            ExceptionDispatchInfo.Throw(e.InnerException);
        }
    }

    static void Convert(GgufFile file, GgufTensorInfo source, ggml_tensor* destination, Lock? device)
    {
        bool repack = destination->type == ggml_type.GGML_TYPE_I8;
        var target = (GgmlType)destination->type;
        long rowLength = source.Ne(0), rows = source.ElementCount / rowLength;
        int rowsPerChunk = (int)Math.Clamp(ChunkElements / rowLength, 1, rows);
        if (repack) rowsPerChunk = Math.Max(rowsPerChunk / RepackedMatrix.Panel, 1) * RepackedMatrix.Panel;
        long targetRow = repack ? RepackedMatrix.PanelBytes(rowLength) / RepackedMatrix.Panel : target.RowBytes(rowLength);
        byte[] stored = ArrayPool<byte>.Shared.Rent(checked((int)(rowsPerChunk * source.RowBytes)));
        float[] floats = ArrayPool<float>.Shared.Rent(checked((int)(rowsPerChunk * rowLength)));
        byte[] converted = ArrayPool<byte>.Shared.Rent(checked((int)(rowsPerChunk * targetRow)));
        try
        {
            for (long row = 0; row < rows; row += rowsPerChunk)
            {
                int count = (int)Math.Min(rowsPerChunk, rows - row);
                Span<byte> bytes = stored.AsSpan(0, (int)(count * source.RowBytes));
                file.ReadTensor(source, bytes, row * source.RowBytes);
                Span<byte> result = bytes;
                if (source.Type != target)
                {
                    result = converted.AsSpan(0, (int)(count * targetRow));
                    Span<float> values = floats.AsSpan(0, (int)(count * rowLength));
                    GgmlBlocks.Dequantize(source.Type, bytes, values);
                    if (repack) Repack(values, result, rowLength);
                    else FromFloats(target, values, result, rowLength);
                }
                fixed (byte* first = result)
                {
                    device?.Enter();
                    GgmlBackend.ggml_backend_tensor_set(destination, first, (nuint)(row * targetRow), (nuint)result.Length);
                    device?.Exit();
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(stored);
            ArrayPool<float>.Shared.Return(floats);
            ArrayPool<byte>.Shared.Return(converted);
        }
    }

    static void Repack(ReadOnlySpan<float> rows, Span<byte> panels, long rowLength)
    {
        int panelRows = (int)rowLength * RepackedMatrix.Panel, panelBytes = (int)RepackedMatrix.PanelBytes(rowLength);
        for (int i = 0; i < rows.Length / panelRows; i++)
            RepackedMatrix.Pack(rows.Slice(i * panelRows, panelRows), panels.Slice(i * panelBytes, panelBytes));
    }

    // ggml's own function for Q8_0: several times as fast as managed code, same bits.
    static void FromFloats(GgmlType target, ReadOnlySpan<float> values, Span<byte> result, long rowLength)
    {
        if (target != GgmlType.Q8_0)
        {
            GgmlBlocks.Quantize(target, values, result);
            return;
        }
        fixed (float* from = values)
        fixed (byte* to = result)
            Ggml.ggml_quantize_chunk(ggml_type.GGML_TYPE_Q8_0, from, to, 0, values.Length / rowLength, rowLength, null);
    }
}
