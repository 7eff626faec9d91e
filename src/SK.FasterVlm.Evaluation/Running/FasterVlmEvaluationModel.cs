using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Evaluation.Running;

/// <summary>
/// A loaded <see cref="FasterVlmModel"/> under test: LLaVA's evaluation prompt (the template's own system text, one user turn, image
/// before text), greedy decoding. The model stays the caller's.
/// </summary>
public sealed class FasterVlmEvaluationModel : IEvaluationModel
{
    readonly FasterVlmModel _model;

    FasterVlmEvaluationModel(FasterVlmModel model, EvaluationModelInfo info) => (_model, Info) = (model, info);

    /// <inheritdoc/>
    public EvaluationModelInfo Info { get; }

    /// <summary>Wraps a model; reads its files once to hash them, but for weights that the application has loaded itself.</summary>
    public static async Task<FasterVlmEvaluationModel> CreateAsync(FasterVlmModel model, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        (string? language, string projector) = model.Options.Files;
        ModelFile[] files = await Task.Run(() => new[] { language, projector }.OfType<string>().Select(path =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new ModelFile(Path.GetFileName(path), new FileInfo(path).Length, RunManifest.Sha256(path));
        }).ToArray(), cancellationToken).ConfigureAwait(false);
        return new(model, new EvaluationModelInfo(model.ModelId, files, Settings(model), LibraryVersion, LibraryRevision));
    }

    /// <summary>Version of the library, without the source revision that builds append.</summary>
    internal static string LibraryVersion => Build.Length > 0 ? Build[0] : "unknown";

    /// <summary>The source revision that builds in a checkout append to the version; null in a build without one.</summary>
    internal static string? LibraryRevision => Build.Length > 1 ? Build[1] : null;

    static string[] Build =>
        typeof(FasterVlmModel).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+') ?? [];

    /// <inheritdoc/>
    public async Task<IEvaluationImage> EncodeAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken) =>
        new Encoded(await _model.Vision.EncodeAsync(image, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async Task<EvaluationReply> AnswerAsync(
        IEvaluationImage? image, string question, EvaluationConfiguration configuration, int seed, int maxOutputTokens, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var request = new GenerationRequest
        {
            Prompt = _model.Template.Build(null, [image is null ? ChatTurn.User(question) : ChatTurn.User(question, 0)]),
            Images = image is Encoded encoded ? [ImageInput.FromEncoded(encoded.Image)] : [],
            MaxOutputTokens = maxOutputTokens,
            Budget = configuration.KeepsAll ? VisualTokenBudget.All : VisualTokenBudget.Keep(configuration.Keep),
            // Which selector keeps everything makes no difference.
            Selector = configuration.KeepsAll ? _model.Selector : VisualTokenSelectors.ByName(configuration.Selector),
            SelectorSeed = seed,
        };
        long start = Stopwatch.GetTimestamp();
        GenerationResult result = await _model.Generator.CompleteAsync(request, cancellationToken).ConfigureAwait(false);
        return new(result.Text.Trim(), result.Statistics.VisualTokensKept, result.Statistics.VisualTokensTotal,
            result.Statistics.TimeToFirstTokenMs, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    // What an answer is known to change with. Threads and batch sizes are left out, so that a run may go on with others; where two
    // tokens are nearly as likely they can turn an answer too, because sums are then rounded in another order.
    static Dictionary<string, string> Settings(FasterVlmModel model) => new()
    {
        ["chat template"] = model.Template.Name,
        ["context"] = model.Language.ContextLength.ToString(CultureInfo.InvariantCulture),
        ["flash attention"] = model.Language.Info.FlashAttention switch { true => "on", false => "off", null => "unknown" },
        ["KV cache"] = model.Options.KvCache.ToString(),
        ["language model"] = $"{model.Language.Info.Architecture}, {model.Language.Info.LayerCount} layers, width {model.Language.Info.EmbeddingWidth}",
        ["vision tower"] = string.Create(CultureInfo.InvariantCulture,
            $"{model.Vision.Info.ImageSize} px, {model.Vision.Info.PatchCount} patches, {model.Vision.Info.Precision} on {model.Vision.Info.Backend}"),
        ["views"] = model.Options.Views.ToString(),
    };

    sealed class Encoded(EncodedImage image) : IEvaluationImage
    {
        internal EncodedImage Image => image;

        public void Dispose() => image.Dispose();
    }
}
