using System.Buffers;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Language;

/// <summary>
/// A language model on the pinned libllama. Everything is checked in managed code before a call: on a broken assumption the library
/// ends the process.
/// <para>
/// Thread-safe: <see cref="Info"/>, <see cref="Tokenize"/>, <see cref="AppendPiece"/>, <see cref="IsEndOfGeneration"/> and
/// <see cref="Dispose"/>. Everything else is for one caller at a time.
/// </para>
/// </summary>
public sealed unsafe partial class LlamaCppLanguageModel : ILanguageModel
{
    readonly LanguageModelFile _file;
    readonly LlamaModelHandle _model;
    readonly LlamaContextHandle _context;
    readonly LlamaTokenizer _tokenizer;
    readonly EvaluationBatch _batch;
    readonly SequenceEvaluator _evaluator;
    readonly CancellationFlag _cancel;
    volatile bool _disposed;

    internal LlamaCppLanguageModel(
        LanguageModelFile file, LlamaModelHandle model, LlamaContextHandle context, LanguageModelInfo info, CancellationFlag cancel,
        int contextLength, int cacheLength, int sequenceCount)
    {
        (_file, _model, _context, _cancel) = (file, model, context, cancel);
        (Info, ContextLength, CacheLength, SequenceCount) = (info, contextLength, cacheLength, sequenceCount);
        _tokenizer = new LlamaTokenizer(model);
        _batch = new EvaluationBatch((int)Llama.llama_n_batch(context));
        EmbeddingTable? embeddings = EmbeddingTable.Of(file, info.VocabularySize);
        _evaluator = new SequenceEvaluator(this, _tokenizer, embeddings, info.EmbeddingWidth, contextLength, sequenceCount);
    }

    /// <inheritdoc/>
    public LanguageModelInfo Info { get; }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <inheritdoc/>
    public int CacheLength { get; }

    /// <inheritdoc/>
    public int SequenceCount { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A GGUF file of a text decoder.</param>
    /// <param name="options">Context, batch, threads, cache, loading and GPU settings; see each.</param>
    /// <param name="runtime">The loaded libraries.</param>
    /// <param name="logger">Receives warnings about the options; null for none.</param>
    /// <param name="progress">Told the share of the weights loaded, 0 to 1, from the loading thread.</param>
    /// <param name="cancellationToken">Ends loading between tensors.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ModelFormatException">The file is damaged or no language model.</exception>
    /// <exception cref="NativeRuntimeException">Memory does not suffice, or the library refuses; the message says why.</exception>
    public static LlamaCppLanguageModel Load(
        string path, FasterVlmOptions options, NativeRuntime runtime, ILogger? logger = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(runtime);
        options.Validate();
        return LlamaCppLoader.Load(path, options, logger, progress, cancellationToken);
    }

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

    /// <summary>Releases the context and the model. What another thread is doing with them right now ends first.</summary>
    public void Dispose()
    {
        // A flag of our own: a handle that a sampler still refers to is not closed by its disposal.
        _disposed = true;
        _context.Dispose();
        _model.Dispose();
        _file.Dispose();
    }
}
