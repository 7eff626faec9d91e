using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Chat.Tools;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Language;
using SK.FasterVlm.Models;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm;

/// <summary>
/// A loaded vision-language model: the language model, the vision encoder, and what turns conversations into answers. Thread-safe;
/// load once and share.
/// </summary>
/// <example>
/// <code>
/// await using var model = await FasterVlmModel.LoadAsync(new() { ModelPath = "llava.gguf", ProjectorPath = "mmproj.gguf" });
/// using IChatClient chat = model.CreateChatClient();
/// byte[] photo = await File.ReadAllBytesAsync("photo.jpg");
/// ChatMessage question = new(ChatRole.User, [new DataContent(photo, "image/jpeg"), new TextContent("What is this?")]);
/// ChatResponse answer = await chat.GetResponseAsync(question);
/// </code>
/// </example>
public sealed class FasterVlmModel : IAsyncDisposable, IDisposable
{
    int _disposed;

    /// <summary>Composes a model from parts and takes ownership of them. <see cref="LoadAsync"/> is the usual way.</summary>
    /// <param name="language">The language model.</param>
    /// <param name="vision">The vision encoder, whose tokens fit the language model.</param>
    /// <param name="options">The options; template, selector and budget are taken from here.</param>
    /// <param name="loggers">For the model's loggers.</param>
    /// <exception cref="ArgumentException">An option is out of range or names something unknown.</exception>
    /// <exception cref="ModelFormatException">The parts do not fit each other, or the chat template is of no supported format.</exception>
    public FasterVlmModel(ILanguageModel language, IVisionEncoder vision, FasterVlmOptions options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(language);
        ArgumentNullException.ThrowIfNull(vision);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (vision.Info.OutputWidth != language.Info.EmbeddingWidth)
            throw new ModelFormatException(
                $"The projector makes visual tokens of width {vision.Info.OutputWidth} but the language model has width "
                + $"{language.Info.EmbeddingWidth}: the two files do not belong together.");
        Options = options;
        Language = language;
        Vision = vision;
        Template = options.ChatTemplate is { } name ? ChatTemplate.ByName(name) : ChatTemplate.ForModel(language.Info, vision.Info);
        Family = ModelRecognition.Recognize(ModelFacts.Of(language.Info, vision.Info)).Family;
        ToolFormat = options.CustomToolFormat is { } own ? own : options.ToolFormat is { } format ? ToolFormat.ByName(format) : ToolFormat.ForModel(language.Info);
        Selector = VisualTokenSelectors.ByName(options.Selector);
        ModelId = options.ModelId ?? language.Info.Name;
        Generator = new Generator(language, vision, (loggers ?? NullLoggerFactory.Instance).CreateLogger<Generator>(), options);
    }

    /// <summary>The options the model was loaded with.</summary>
    public FasterVlmOptions Options { get; }

    /// <summary>The language model. Its context belongs to <see cref="Generator"/>; facts and tokenising are free for all.</summary>
    public ILanguageModel Language { get; }

    /// <summary>The vision encoder.</summary>
    public IVisionEncoder Vision { get; }

    /// <summary>The family the files were recognised as, for example <c>LLaVA-1.6 (Mistral)</c>.</summary>
    public string Family { get; }

    /// <summary>The format of conversations.</summary>
    public ChatTemplate Template { get; }

    /// <summary>How functions, calls and results are written when a request does not say.</summary>
    public ToolFormat ToolFormat { get; }

    /// <summary>Who is kept of an image when a request does not say.</summary>
    public IVisualTokenSelector Selector { get; }

    /// <summary>Runs requests below the level of chat messages.</summary>
    public Generator Generator { get; }

    /// <summary>Name under which the model is known to callers.</summary>
    public string ModelId { get; }

    /// <summary>
    /// Loads a model from its two files, or one of the catalog, which is fetched first if it is missing, or the embedded one when the
    /// options name none.
    /// </summary>
    /// <param name="options">Every knob.</param>
    /// <param name="loggers">For the library's and llama.cpp's log lines; null for none.</param>
    /// <param name="progress">Called from the loading thread.</param>
    /// <param name="cancellationToken">Ends loading; what was loaded by then is released.</param>
    /// <exception cref="ArgumentException">An option is out of range or names something unknown.</exception>
    /// <exception cref="ModelFormatException">A file is missing, damaged, of an unsupported kind, or does not fit the other.</exception>
    /// <exception cref="ModelDownloadException">A model of the catalog is missing and could not or must not be fetched.</exception>
    /// <exception cref="NativeRuntimeException">The llama.cpp libraries are missing or of the wrong version.</exception>
    public static Task<FasterVlmModel> LoadAsync(
        FasterVlmOptions options, ILoggerFactory? loggers = null, IProgress<ModelLoadProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.ValidateNames(); // not after minutes of loading
        return Task.Run(
            () => ModelLoader.LoadAsync(options, loggers ?? NullLoggerFactory.Instance, progress, cancellationToken), cancellationToken);
    }

    /// <summary>Creates a chat client over this model. Disposing the client leaves the model alone.</summary>
    public FasterVlmChatClient CreateChatClient() => new(this);

    /// <summary>Cancels what is running, waits for it to end, and releases the model.</summary>
    public async ValueTask DisposeAsync()
    {
        await Generator.DisposeAsync().ConfigureAwait(false);
        Release();
    }

    /// <summary>As <see cref="DisposeAsync"/>, blocking until running requests have ended, which takes them at most one step.</summary>
    public void Dispose()
    {
        Generator.Dispose();
        Release();
    }

    void Release()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        Vision.Dispose(); // first: the tower runs on the libraries that came with the language model
        Language.Dispose();
    }
}
