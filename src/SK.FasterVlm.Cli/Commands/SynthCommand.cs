using System.CommandLine;
using SK.FasterVlm.Cli.Inspection;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm synth</c>: a random model of real geometry, so that speed can be measured without weights.</summary>
internal sealed class SynthCommand
{
    readonly Option<string?> _geometry = new("--geometry", "-g")
    {
        Description = $"{string.Join(" or ", ModelGeometry.All.Select(static g => g.Name))}.",
        HelpName = "name",
    };
    readonly Option<string?> _directory = new("--out", "-o")
    {
        Description = "Directory to write the model and the projector to.",
        HelpName = "directory",
    };
    readonly Option<bool> _list = new("--list") { Description = "Write nothing; show what memory the models of these sizes take." };
    readonly Option<string?> _type = new("--type")
    {
        Description = "Type of the language model's matrices. Default: the geometry's.",
        HelpName = "type",
    };
    readonly Option<string> _visionType = new("--vision-type")
    {
        Description = "Type of the matrices of tower and projector.",
        HelpName = "type",
        DefaultValueFactory = static _ => "f16",
    };
    readonly Option<string> _layout = new("--layout")
    {
        Description = "Layout of the projector file: legacy (as the published LLaVA-1.5 files) or featurelayer (as newer converters write).",
        HelpName = "name",
        DefaultValueFactory = static _ => "legacy",
    };
    readonly Option<int> _seed = ValueParsers.Integer("--seed", "Seed of the weights.", 0, int.MaxValue, 1);
    readonly CommandContext _context;

    SynthCommand(CommandContext context)
    {
        _context = context;
        _geometry.AcceptOnlyFromAmong(StringComparer.Ordinal, [.. ModelGeometry.All.Select(static g => g.Name)]);
        string[] types = ["q4_0", "q8_0", "bf16", "f16", "f32"];
        _type.AcceptOnlyFromAmong(StringComparer.Ordinal, ["q4_k", "q5_k", "q6_k", .. types]);
        _visionType.AcceptOnlyFromAmong(StringComparer.Ordinal, types);
        _layout.AcceptOnlyFromAmong(StringComparer.Ordinal, "legacy", "featurelayer");
    }

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        SynthCommand self = new(context);
        Command command = new("synth", "Write a model with seeded random weights: it says nothing, at the speed of a real one.")
        {
            self._geometry, self._directory, self._type, self._visionType, self._layout, self._seed, self._list, GlobalOptions.Json,
        };
        command.Validators.Add(result =>
        {
            bool list = result.GetResult(self._list) is { Implicit: false };
            bool whole = result.GetResult(self._geometry) is not null && result.GetResult(self._directory) is not null;
            if (!list && !whole) result.AddError("--geometry and --out are needed to write a model; --list shows the geometries.");
        });
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_list)) return List(parsed);
        ModelGeometry geometry = ModelGeometry.ByName(parsed.GetValue(_geometry)!);
        SyntheticModelOptions options = new()
        {
            Seed = parsed.GetValue(_seed),
            LanguageType = parsed.GetValue(_type) is string type ? Enum.Parse<GgmlType>(type, ignoreCase: true) : null,
            VisionType = Enum.Parse<GgmlType>(parsed.GetRequiredValue(_visionType), ignoreCase: true),
            Layout = Enum.Parse<TowerLayout>(parsed.GetRequiredValue(_layout), ignoreCase: true),
        };
        string directory = parsed.GetValue(_directory)!;
        CliChecks.Run(() => SyntheticModel.LanguageBytes(geometry, options)); // rows that do not consist of a type's blocks
        (string model, string projector) = await ProgressDisplay.RunAsync(_context.Terminal, $"Writing {geometry.Name}", show => Task.Run(
            () => SyntheticModel.Write(directory, geometry, options, new ImmediateProgress<double>(share => show(share, null)), cancellationToken),
            cancellationToken));

        if (parsed.GetValue(GlobalOptions.Json))
        {
            JsonOutput.Write(_context.Terminal.Out, new
            {
                Geometry = geometry.Name,
                options.Seed,
                Model = new { Path = model, Bytes = new FileInfo(model).Length },
                Projector = new { Path = projector, Bytes = new FileInfo(projector).Length },
            });
            return ExitCodes.Success;
        }

        foreach (string path in new[] { model, projector }) _context.Terminal.Out.WriteLine(path);
        return ExitCodes.Success;
    }

    int List(ParseResult parsed)
    {
        string? name = parsed.GetValue(_geometry);
        GeometryMemory[] rows = [.. ModelGeometry.All.Where(g => name is null || g.Name == name).Select(GeometryMemory.Of)];
        if (parsed.GetValue(GlobalOptions.Json)) JsonOutput.Write(_context.Terminal.Out, rows);
        else _context.Terminal.Out.Write(GeometryMemory.Table(rows));
        return ExitCodes.Success;
    }
}
