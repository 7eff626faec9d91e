using System.CommandLine;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm heatmap photo.jpg -o out.png</c>: where [CLS] looks and what is kept. Runs no language model.</summary>
internal sealed class HeatmapCommand
{
    // All patches kept would be two pictures of the same; this is the paper's headline reduction.
    const double DefaultKeep = 0.10;

    readonly Argument<string> _image = new("image") { Description = "Image file, or - for standard input." };
    readonly Option<string> _output = new("--output", "-o") { Description = "PNG file to write.", HelpName = "file", Required = true };
    readonly PruningOptions _pruning = new($"{DefaultKeep:P0}");
    readonly ModelOptions _model = new();
    readonly CommandContext _context;

    HeatmapCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        HeatmapCommand self = new(context);
        Command command = new("heatmap", "Draw an image's [CLS] attention beside the patches that are kept.") { self._image, self._output };
        self._pruning.AddTo(command);
        self._model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        FasterVlmOptions options = await ModelFetch.ResolveAsync(_context.Terminal, _model.Read(parsed), cancellationToken);
        byte[] bytes = await InputFiles.ReadImageAsync(parsed.GetRequiredValue(_image), _context.Terminal.OpenInput, cancellationToken);
        string projector = options.Files.ProjectorPath;
        NativeRuntime runtime = NativeRuntime.Load(options.Native);
        using VisionEncoder encoder = await ProgressDisplay.RunAsync(_context.Terminal, "Loading the vision tower", _ =>
            Task.Run(() => VisionEncoder.Load(projector, options, runtime), cancellationToken));

        using EncodedImage encoded = await encoder.EncodeAsync(bytes, cancellationToken);
        VisualTokenBudget budget = _pruning.Budget(parsed) ?? VisualTokenBudget.Keep(DefaultKeep);
        string selector = _pruning.Selector(parsed);
        VisualTokens tokens = await encoder.SelectAsync(
            encoded, VisualTokenSelectors.ByName(selector), budget, _pruning.Seed(parsed), cancellationToken);

        int total = encoded.ClsAttention.Sum(static view => view.Length), count = tokens.Kept.Sum(static view => view.Length);
        double held = tokens.Kept.Select((view, i) => view.Sum(token => (double)encoded.ClsAttention[i][token])).Sum()
            / encoded.ClsAttention.Sum(static view => view.Sum(static a => (double)a));
        string views = encoded.Plan.ViewCount > 1 ? Format.Invariant($" in {encoded.Plan.ViewCount} views") : "";
        string summary = Format.Invariant(
            $"{count} of {total} visual tokens{views} ({budget}, {selector}) hold {100 * held:0} % of the [CLS] attention");
        byte[] png = HeatmapRenderer.RenderViews(
            ImageDecoder.Decode(bytes, options.ImageLimits), encoded.Plan, encoded.ClsAttention, tokens.Kept, encoder.Info.TokenGridSide, summary);
        string path = Path.GetFullPath(parsed.GetRequiredValue(_output));
        await File.WriteAllBytesAsync(path, png, cancellationToken);

        if (parsed.GetValue(GlobalOptions.Json))
        {
            JsonOutput.Write(_context.Terminal.Out, new
            {
                Output = path,
                tokens.ImageWidth,
                tokens.ImageHeight,
                GridSide = encoder.Info.TokenGridSide,
                VisualTokens = total,
                VisualTokensKept = count,
                AttentionHeld = held,
                // Of the whole picture; the tiles of LLaVA-NeXT follow below.
                Kept = tokens.Kept[0],
                ClsAttention = encoded.ClsAttention[0],
                TileColumns = encoded.Plan.Columns,
                TileRows = encoded.Plan.Rows,
                Tiles = tokens.Kept.Zip(encoded.ClsAttention, static (kept, attention) => new { Kept = kept, ClsAttention = attention }).Skip(1),
            });
        }
        else
        {
            _context.Terminal.WriteNote($"{summary}: {path}");
        }

        return ExitCodes.Success;
    }
}
