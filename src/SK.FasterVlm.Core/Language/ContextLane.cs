using System.Runtime.ExceptionServices;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>One context of <see cref="ContextLanes"/>, with the rows of its next call.</summary>
internal sealed unsafe class ContextLane(LlamaContextHandle context, int batchLength) : IDisposable
{
    int[] _tokens = [];
    float[] _embeddings = [];
    bool _areEmbeddings;

    internal LlamaContextHandle Context => context;

    /// <summary>The rows of the next call.</summary>
    internal EvaluationBatch Batch { get; } = new(batchLength);

    /// <summary>What <c>llama_decode</c> answered.</summary>
    internal int Status { get; private set; }

    /// <summary>What the call threw instead.</summary>
    internal ExceptionDispatchInfo? Error { get; private set; }

    /// <summary>Copies rows of a call that several lanes share.</summary>
    internal void Take(int at, ReadOnlySpan<int> tokens, ReadOnlySpan<float> embeddings, int row, int count, int width)
    {
        _areEmbeddings = tokens.IsEmpty;
        if (_areEmbeddings)
        {
            if (_embeddings.Length < (at + count) * width) Array.Resize(ref _embeddings, Math.Max(2 * at, at + count) * width);
            embeddings.Slice(row * width, count * width).CopyTo(_embeddings.AsSpan(at * width));
        }
        else
        {
            if (_tokens.Length < at + count) Array.Resize(ref _tokens, Math.Max(2 * at, at + count));
            tokens.Slice(row, count).CopyTo(_tokens.AsSpan(at));
        }
    }

    /// <summary>Evaluates the copied rows. Never throws: <see cref="Status"/> or <see cref="Error"/> tells.</summary>
    internal void Run()
    {
        (Status, Error) = (0, null);
        try
        {
            fixed (int* tokens = _tokens)
            fixed (float* embeddings = _embeddings)
                Status = Batch.Decode(Context, _areEmbeddings ? null : tokens, _areEmbeddings ? embeddings : null);
        }
        catch (Exception e)
        {
            Error = ExceptionDispatchInfo.Capture(e);
        }
    }

    /// <summary>Closes the context; a call that runs ends first.</summary>
    public void Dispose() => Context.Dispose();
}
