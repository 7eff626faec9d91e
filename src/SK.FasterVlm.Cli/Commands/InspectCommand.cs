using System.CommandLine;
using SK.FasterVlm.Cli.Inspection;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm inspect</c>: which native libraries run here, and what is in a model's files.</summary>
internal sealed class InspectCommand
{
    readonly Argument<string[]> _files = new("files")
    {
        Description = "GGUF files, for example a model and its projector. Default: the embedded model.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    readonly ModelOptions _model = new();
    readonly CommandContext _context;

    InspectCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        InspectCommand self = new(context);
        Command command = new("inspect", "Show the native libraries and devices in use and the facts of a model.") { self._files };
        self._model.AddFilesTo(command);
        self._model.AddNativeTo(command);
        command.Validators.Add(result =>
        {
            if (self._model.NamesFiles(result) && result.GetResult(self._files) is { Tokens.Count: > 0 })
                result.AddError("Name the files either as arguments or by --model and --projector.");
        });
        command.Add(GlobalOptions.Json);
        command.SetAction(self.Run);
        return command;
    }

    int Run(ParseResult parsed)
    {
        Terminal terminal = _context.Terminal;
        string[] paths = Paths(parsed);
        GgufReport[] files = [.. paths.Select(GgufReport.Read)];
        PairReport? pair = PairReport.Read(paths);
        NativeDiagnostics? native = null;
        NativeRuntimeException? missing = null;
        try
        {
            native = NativeRuntime.Load(_model.Native(parsed)).Describe();
        }
        catch (NativeRuntimeException error)
        {
            missing = error; // the files can be shown all the same, and whoever inspects wants to see what works
        }

        if (parsed.GetValue(GlobalOptions.Json))
        {
            JsonOutput.Write(terminal.Out, new { Native = native, NativeError = missing?.Message, Files = files, Pair = pair });
        }
        else
        {
            if (native is not null) InspectionText.Write(terminal.Out, native);
            foreach (GgufReport file in files) InspectionText.Write(terminal.Out, file);
            InspectionText.WriteFit(terminal.Out, files);
            if (pair is not null) terminal.Out.WriteLine(TerminalText.OneLine(pair.Sentence()));
        }

        if (missing is not null) throw missing;
        return ExitCodes.Success;
    }

    string[] Paths(ParseResult parsed)
    {
        string[] paths = _model.Files(parsed) is (string ofModel, string ofProjector) ? [ofModel, ofProjector] : parsed.GetValue(_files) ?? [];
        foreach (string path in paths) InputFiles.RequireFile(path);
        if (paths.Length > 0) return paths;
        try
        {
            (string model, string projector) = EmbeddedModel.Locate();
            return [model, projector];
        }
        catch (FasterVlmException error)
        {
            _context.Terminal.WriteNote(error.Message);
            return []; // the libraries are still worth showing
        }
    }
}
