using System.CommandLine;
using System.CommandLine.Parsing;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Models;
using SK.FasterVlm.Native;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Cli.Options;

/// <summary>Which model runs, and how: shared by every command that loads one.</summary>
internal sealed class ModelOptions
{
    /// <summary>Longest answer; for commands that generate.</summary>
    public static Option<int> MaxTokens { get; } = ValueParsers.Integer("--max-tokens", "Longest answer in tokens.", 1, 1_048_576, 512);

    readonly Option<string?> _model = new("--model", "-m")
    {
        Description = "Name of a fetched or fetchable model (see 'models list'), or a language model's file (GGUF). Default: the embedded model.",
        HelpName = "name|file",
    };

    readonly Option<string?> _projector = new("--projector", "-p")
    {
        Description = "Vision tower and projector of the same model (GGUF, \"mmproj\").",
        HelpName = "file",
    };

    readonly Option<int> _threads = ValueParsers.Integer("--threads", "Processor threads; 0: one per physical core, fewer for models of a few megabytes.", 0, 512, 0, "-t");

    readonly Option<int> _context = ValueParsers.Integer("--context", "Context length in positions; 0: the model's, at most 4096.", 0, 1_048_576, 0, "-c");

    readonly Option<ViewSettings> _views = new("--views")
    {
        Description = $"Views of a picture and the order of their tokens (LLaVA-NeXT): {ViewSettings.Syntax}.",
        HelpName = "words",
        DefaultValueFactory = static _ => ViewSettings.Default,
        CustomParser = ValueParsers.Views,
    };

    readonly Option<string?> _template = new("--template")
    {
        Description = $"Chat template in place of the model's own: {string.Join(", ", ChatTemplate.Names)}.",
        HelpName = "name",
    };

    readonly Option<string?> _nativeDirectory = new("--native-dir")
    {
        Description = "Directory with the llama.cpp libraries.",
        HelpName = "directory",
    };

    readonly Option<string> _backend = new("--backend")
    {
        Description = "cpu, cuda, vulkan, or auto for the best that is found.",
        HelpName = "name",
        DefaultValueFactory = static _ => "cpu",
    };

    readonly Option<bool> _offline = new("--offline") { Description = "Never fetch a model; use what is in the cache." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        AddFilesTo(command);
        command.Add(_offline);
        command.Add(_threads);
        command.Add(_context);
        command.Add(_views);
        _template.AcceptOnlyFromAmong(StringComparer.Ordinal, [.. ChatTemplate.Names]);
        command.Add(_template);
        AddNativeTo(command);
    }

    /// <summary>Adds only the options that name a model.</summary>
    public void AddFilesTo(Command command)
    {
        command.Add(_model);
        command.Add(_projector);
        command.Validators.Add(result =>
        {
            string? model = result.GetValue(_model);
            bool projector = result.GetResult(_projector) is not null;
            if (model is not null && !projector && !ModelNames.LooksLikeReference(model))
                result.AddError($"'{model}' is a file, so --projector is needed too; a model of 'models list' needs none.");
            if (model is null && projector)
                result.AddError("--model and --projector belong together: give both, or neither for the embedded model.");
        });
    }

    /// <summary>Adds only the options that say where the libraries are.</summary>
    public void AddNativeTo(Command command)
    {
        _backend.AcceptOnlyFromAmong(StringComparer.Ordinal, "auto", "cpu", "cuda", "vulkan");
        command.Add(_nativeDirectory);
        command.Add(_backend);
    }

    /// <summary>Whether the command line names model files.</summary>
    public bool NamesFiles(CommandResult result) => result.GetResult(_model) is not null;

    /// <summary>The files of the model named, without fetching any; null when none is named.</summary>
    /// <exception cref="CliException">They are not there.</exception>
    /// <exception cref="FasterVlmException">The name is none, or its model was not fetched.</exception>
    public (string ModelPath, string ProjectorPath)? Files(ParseResult parsed)
    {
        if (parsed.GetValue(_model) is not { } model) return null;
        if (parsed.GetValue(_projector) is { } projector) return (model, projector);
        if (new ModelStore().Find(model) is not { IsComplete: true } fetched)
            throw new CliException($"'{model}' has not been fetched; 'fastervlm pull {model}' does it.");
        return (fetched.ModelPath, fetched.ProjectorPath);
    }

    /// <summary>Where the libraries are.</summary>
    public NativeOptions Native(ParseResult parsed) => new()
    {
        Directory = parsed.GetValue(_nativeDirectory),
        Backend = Enum.Parse<NativeBackend>(parsed.GetRequiredValue(_backend), ignoreCase: true),
    };

    /// <summary>The model's options, checked.</summary>
    /// <exception cref="CliException">A value is out of range, or a file does not exist.</exception>
    public FasterVlmOptions Read(ParseResult parsed)
    {
        string? model = parsed.GetValue(_model);
        bool isName = model is not null && parsed.GetValue(_projector) is null;
        FasterVlmOptions options = new()
        {
            Model = isName ? model : null,
            Downloads = new ModelStoreOptions { AllowDownload = !parsed.GetValue(_offline) },
            ModelPath = isName ? null : model,
            ProjectorPath = parsed.GetValue(_projector),
            Threads = parsed.GetValue(_threads),
            ContextLength = parsed.GetValue(_context),
            Views = parsed.GetRequiredValue(_views),
            ChatTemplate = parsed.GetValue(_template),
            Native = Native(parsed),
            // Files of one's own may be larger than what a server should take from strangers; pixels stay bounded.
            ImageLimits = new ImageLimits { MaxBytes = InputFiles.MaxImageBytes },
        };
        Check(options);
        foreach (string? path in new[] { options.ModelPath, options.ProjectorPath })
        {
            if (path is not null) InputFiles.RequireFile(path);
        }

        return options;
    }

    /// <summary>Checks options; what the library throws for a programmer becomes what a user can read.</summary>
    /// <exception cref="CliException">A value is out of range.</exception>
    public static void Check(FasterVlmOptions options) => CliChecks.Run(options.Validate);
}
