using System.Buffers;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// A language model on a context of llama.cpp, whoever binds it: the vocabulary, the rules of evaluation and of the sequences, and
/// disposal are here, the calls of the library in the two classes below it. Everything is checked in managed code before a call: on a
/// broken assumption the library ends the process.
/// <para>
/// Thread-safe: <see cref="Info"/>, <see cref="Tokenize"/>, <see cref="AppendPiece"/>, <see cref="IsEndOfGeneration"/> and
/// <see cref="Dispose"/>. Everything else is for one caller at a time.
/// </para>
/// </summary>
public abstract partial class LlamaLanguageModel : ILanguageModel
{
    readonly LlamaModelHandle _model;
    readonly LanguageModelFile? _file;
    readonly LlamaTokenizer _tokenizer;
    readonly SequenceEvaluator _evaluator;
    readonly CancellationFlag _cancel;

    // A flag of our own: a handle that a sampler still refers to is not closed by its disposal.
    volatile bool _disposed;

    /// <summary>Takes over a model and its file; the context is the derived class's.</summary>
    /// <param name="model">The model's vocabulary is used through this handle.</param>
    /// <param name="file">For text rows beside visual tokens; null when not known.</param>
    /// <param name="info">Facts of the model.</param>
    /// <param name="cancel">The flag the context's abort callback asks.</param>
    /// <param name="size">What the context has room for; its sequences are empty.</param>
    private protected LlamaLanguageModel(
        LlamaModelHandle model, LanguageModelFile? file, LanguageModelInfo info, CancellationFlag cancel, ContextSize size)
    {
        (_model, _file, _cancel, Info) = (model, file, cancel, info);
        (ContextLength, CacheLength, SequenceCount, BatchLength) = size;
        _tokenizer = new LlamaTokenizer(model);
        EmbeddingTable? embeddings = file is null ? null : EmbeddingTable.Of(file, info.VocabularySize);
        _evaluator = new SequenceEvaluator(this, _tokenizer, embeddings, info.EmbeddingWidth, ContextLength, SequenceCount);
    }

    /// <inheritdoc/>
    public LanguageModelInfo Info { get; }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <inheritdoc/>
    public int CacheLength { get; }

    /// <inheritdoc/>
    public int SequenceCount { get; }

    /// <inheritdoc/>
    public virtual int LaneCount => 1;

    /// <inheritdoc/>
    public bool JoinsRows => _evaluator.JoinsRows;

    /// <inheritdoc/>
    public int BatchLength { get; }

    /// <inheritdoc/>
    public int[] Tokenize(string text, bool parseSpecial)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _tokenizer.Tokenize(text, parseSpecial);
    }

    /// <inheritdoc/>
    public void AppendPiece(int token, IBufferWriter<byte> output)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _tokenizer.AppendPiece(token, output);
    }

    /// <inheritdoc/>
    public bool IsEndOfGeneration(int token)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _tokenizer.IsEndOfGeneration(token);
    }

    /// <inheritdoc/>
    public ITokenSampler CreateSampler(SamplingSettings settings)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new LlamaTokenSampler(this, _model, _tokenizer, settings);
    }

    /// <summary>
    /// Releases the context, and the weights unless they are the application's. What another thread is doing with them right now ends
    /// first.
    /// </summary>
    public void Dispose()
    {
        _disposed = true;
        Close();
        _model.Dispose();
        _file?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the context and what else the derived class owns. May be called more than once.</summary>
    private protected abstract void Close();
}

/// <summary>What a context has room for.</summary>
/// <param name="ContextLength"><see cref="ILanguageModel.ContextLength"/>.</param>
/// <param name="CacheLength"><see cref="ILanguageModel.CacheLength"/>.</param>
/// <param name="SequenceCount"><see cref="ILanguageModel.SequenceCount"/>.</param>
/// <param name="BatchLength"><see cref="ILanguageModel.BatchLength"/>.</param>
internal readonly record struct ContextSize(int ContextLength, int CacheLength, int SequenceCount, int BatchLength);
