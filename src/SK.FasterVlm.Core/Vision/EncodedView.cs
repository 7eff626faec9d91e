using System.Runtime.InteropServices;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;
using static SK.FasterVlm.Native.Ggml;

namespace SK.FasterVlm.Vision;

/// <summary>
/// One view after <see cref="ClipVisionTower.Encode"/>: what the last block needs to be finished for any choice of rows.
/// About 12 bytes per row and width in 32-bit floats (7 MB for LLaVA-1.5), held until disposed.
/// </summary>
internal sealed unsafe class EncodedView : SafeHandle
{
    readonly GgmlContextHandle _context;

    EncodedView(ClipHeader header, TowerDevice device) : base(0, ownsHandle: true)
    {
        _context = GgmlContextHandle.Create(4 * ggml_tensor_overhead());
        long rows = header.PatchCount + 1;
        Hidden = ggml_new_tensor_2d(_context.Pointer, ggml_type.GGML_TYPE_F32, header.Width, rows);
        Keys = ggml_new_tensor_3d(_context.Pointer, device.AttentionType, header.HeadWidth, rows, header.HeadCount);
        Values = ggml_new_tensor_3d(_context.Pointer, device.AttentionType, header.HeadWidth, rows, header.HeadCount);
        SetHandle((nint)GgmlBackend.ggml_backend_alloc_ctx_tensors_from_buft(_context.Pointer, device.BufferType));
        if (!IsInvalid) return;
        _context.Dispose();
        throw new NativeRuntimeException("Not enough memory for an encoded image; dispose images that are no longer needed.");
    }

    /// <summary>Rows that enter the last block, [w, n + 1] floats.</summary>
    public ggml_tensor* Hidden { get; }

    /// <summary>Keys of the last block, [d, n + 1, h].</summary>
    public ggml_tensor* Keys { get; }

    /// <summary>Values of the last block, [d, n + 1, h].</summary>
    public ggml_tensor* Values { get; }

    /// <summary>[CLS] attention per patch: softmax over all keys, [CLS] column dropped, mean over heads.</summary>
    public float[] ClsAttention { get; private set; } = [];

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>Bytes one view takes at most.</summary>
    public static long BytesOf(ClipHeader header) => 3L * sizeof(float) * (header.PatchCount + 1) * header.Width;

    /// <summary>Empty memory for one view.</summary>
    public static EncodedView Allocate(ClipHeader header, TowerDevice device) => new(header, device);

    /// <summary>Takes over the attention of every head: [h][n + 1], [CLS] first.</summary>
    /// <exception cref="ModelFormatException">A value is not a number.</exception>
    public void SetAttention(ReadOnlySpan<float> perHead, int heads)
    {
        int keys = perHead.Length / heads;
        float[] mean = new float[keys - 1];
        for (int patch = 0; patch < mean.Length; patch++)
        {
            double sum = 0;
            for (int head = 0; head < heads; head++) sum += perHead[head * keys + 1 + patch];
            mean[patch] = (float)(sum / heads);
            // Every row of the last block feeds this softmax, so one damaged weight anywhere shows here.
            if (!float.IsFinite(mean[patch])) throw NotNumbers();
        }
        ClsAttention = mean;
    }

    /// <summary>What damaged weights lead to.</summary>
    public static ModelFormatException NotNumbers() =>
        new("The vision tower gave values that are not numbers; the projector file is damaged.");

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        GgmlBackend.ggml_backend_buffer_free((ggml_backend_buffer*)handle);
        _context.Dispose();
        return true;
    }
}
