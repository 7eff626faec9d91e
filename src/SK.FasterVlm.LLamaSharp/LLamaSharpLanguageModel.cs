using System.Buffers;
using LLama;
using LLama.Native;
using SK.FasterVlm.Language;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.LLamaSharp;

/// <summary>
/// A language model on LLamaSharp: the application's <see cref="LLamaWeights"/>, or weights loaded through LLamaSharp, with a context of
/// its own. Evaluation, the KV cache and logits go through <see cref="SafeLLamaContextHandle"/>, so LLamaSharp's own lock keeps calls of
/// all its contexts apart. Tokenising and sampling use the same native library through the bindings of the built-in model, because
/// LLamaSharp does not show a vocabulary's raw text and adds grammars without a check.
/// <para>
/// Thread-safe: <see cref="Info"/>, <see cref="Tokenize"/>, <see cref="AppendPiece"/>, <see cref="IsEndOfGeneration"/> and
/// <see cref="Dispose"/>. Everything else is for one caller at a time.
/// </para>
/// </summary>
public sealed partial class LLamaSharpLanguageModel : ILanguageModel
{
    readonly LLamaWeights? _ownedWeights;
    readonly LanguageModelFile? _file;
    readonly LlamaModelHandle _model;
    readonly SafeLLamaContextHandle _context;
    readonly LlamaTokenizer _tokenizer;
    readonly SequenceEvaluator _evaluator;
    readonly CancellationFlag _cancel;
    volatile bool _disposed;

    internal LLamaSharpLanguageModel(
        LLamaWeights weights, bool ownsWeights, LanguageModelFile? file, SafeLLamaContextHandle context, CancellationFlag cancel,
        LanguageModelInfo info, int contextLength, int cacheLength, int sequenceCount)
    {
        (_context, _cancel, _file) = (context, cancel, file);
        (Info, ContextLength, CacheLength, SequenceCount) = (info, contextLength, cacheLength, sequenceCount);
        _ownedWeights = ownsWeights ? weights : null;
        _model = new LlamaModelHandle(weights.NativeHandle);
        _tokenizer = new LlamaTokenizer(_model);
        BatchLength = checked((int)context.BatchSize);
        EmbeddingTable? embeddings = file is null ? null : EmbeddingTable.Of(file, info.VocabularySize);
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

    /// <inheritdoc/>
    public int BatchLength { get; }

    /// <summary>Makes a language model over weights that stay the caller's and must stay open until it is disposed.</summary>
    /// <param name="weights">Loaded weights of a text decoder.</param>
    /// <param name="options">Context, batch, thread and cache settings are taken from here.</param>
    /// <param name="modelPath">
    /// The weights' file, if known. With it, text beside images is evaluated in the same pass as the images; without it, in passes of its
    /// own.
    /// </param>
    /// <exception cref="ModelFormatException">The model cannot be used, or the file is another model's.</exception>
    /// <exception cref="NativeRuntimeException">LLamaSharp's native library cannot be shared, or there is not enough memory.</exception>
    public static LLamaSharpLanguageModel Create(LLamaWeights weights, FasterVlmOptions options, string? modelPath = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        LLamaSharpNatives.Share();
        return LLamaSharpLoader.Create(weights, ownsWeights: false, modelPath, options, logger: null);
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

    /// <summary>
    /// Releases the context, and weights that were loaded for this model. What another thread is doing with them right now ends first.
    /// </summary>
    public void Dispose()
    {
        _disposed = true;
        _context.Dispose();
        _model.Dispose();
        _ownedWeights?.Dispose();
        _file?.Dispose();
    }
}
