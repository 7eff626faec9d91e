using System.CommandLine;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm describe photo.jpg "What is in the picture?"</c>: the answer on stdout, what happened on stderr.</summary>
internal sealed class DescribeCommand
{
    const string DefaultQuestion = "What is in the picture?";

    readonly Argument<string> _image = new("image") { Description = "Image file (PNG, JPEG, WebP, GIF, BMP), or - for standard input." };
    readonly Argument<string> _question = new("question")
    {
        Description = "What to ask, or - to read it from standard input.",
        DefaultValueFactory = static _ => DefaultQuestion,
    };
    readonly Option<string[]> _more = new("--image", "-i") { Description = "A further image; may be repeated.", HelpName = "file" };
    readonly PruningOptions _pruning = new();
    readonly ModelOptions _model = new();
    readonly CommandContext _context;

    DescribeCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        DescribeCommand self = new(context);
        Command command = new("describe", "Ask about an image.") { self._image, self._question, self._more };
        self._pruning.AddTo(command);
        command.Add(ModelOptions.MaxTokens);
        self._model.AddTo(command);
        command.Add(GlobalOptions.Json);
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        Terminal terminal = _context.Terminal;
        string[] paths = [parsed.GetRequiredValue(_image), .. parsed.GetValue(_more) ?? []];
        FasterVlmOptions options = _model.Read(parsed);
        options.MaxOutputTokens = parsed.GetValue(ModelOptions.MaxTokens);
        options.MaxImages = Math.Max(options.MaxImages, paths.Length);
        ModelOptions.Check(options);
        (ChatMessage message, string[] names) = await ReadMessageAsync(paths, parsed.GetRequiredValue(_question), cancellationToken);

        await using ModelSession session = await ModelSession.LoadAsync(terminal, options, parsed.GetValue(GlobalOptions.Verbose), cancellationToken);
        if (parsed.GetValue(GlobalOptions.Json))
        {
            JsonOutput.Write(terminal.Out, await session.AskAsync([message], names, _pruning.Request(parsed), static _ => { }, cancellationToken));
            return ExitCodes.Success;
        }

        AnswerWriter answer = new(terminal.Out);
        try
        {
            RequestReport report = await session.AskAsync([message], names, _pruning.Request(parsed), answer.Write, cancellationToken);
            answer.End();
            terminal.Error.WriteLine();
            Format.Facts(terminal.Error, report.Facts());
        }
        finally
        {
            answer.End(); // a cancelled answer is not to run into the error line
        }

        return ExitCodes.Success;
    }

    async Task<(ChatMessage Message, string[] Names)> ReadMessageAsync(string[] paths, string text, CancellationToken cancellationToken)
    {
        if (paths.Append(text).Count(static value => value == "-") > 1)
            throw new CliException("Only one thing can be read from standard input (-).");
        if (File.Exists(text)) throw new CliException($"'{text}' is a file, not a question; give further images with --image.");
        if (text == "-") text = await _context.Terminal.In.ReadToEndAsync(cancellationToken);
        if (string.IsNullOrWhiteSpace(text)) throw new CliException("The question is empty.");

        ChatMessage message = new() { Role = ChatRole.User };
        foreach (string path in paths)
        {
            byte[] bytes = await InputFiles.ReadImageAsync(path, _context.Terminal.OpenInput, cancellationToken);
            message.Contents.Add(InputFiles.ToContent(bytes));
        }

        message.Contents.Add(new TextContent(text.Trim()));
        return (message, [.. paths.Select(static path => path == "-" ? "standard input" : path)]);
    }
}
