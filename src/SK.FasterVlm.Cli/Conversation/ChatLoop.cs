using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Cli.Conversation;

/// <summary>
/// A conversation, line by line. In a terminal it prompts, and a mistake costs one turn; from a pipe it prints only the answers and
/// ends at the first failure, as a script should.
/// </summary>
/// <param name="session">The model.</param>
/// <param name="terminal">Where it talks.</param>
/// <param name="interrupts">Ctrl-C.</param>
/// <param name="request">How every message is asked.</param>
/// <param name="json">Prints one line of JSON per answer, the report with the answer in it, instead of the answer's text.</param>
internal sealed class ChatLoop(
    ModelSession session, Terminal terminal, Interrupts interrupts, FasterVlmRequestOptions request, bool json = false)
{
    const string Help = """
          /image PATH   attach an image to the next message; dropping a file into the terminal does the same
          /keep SHARE   keep this share of the visual tokens from now on: 10%, 0.25, all
          /stats        what the last answer cost
          /reset        forget the conversation
          /exit         leave (as does the end of the input)
        """;

    readonly List<ChatMessage> _conversation = [];
    readonly List<(string Name, DataContent Content)> _attached = [];
    readonly List<string> _names = [];
    RequestReport? _last;

    /// <summary>Attaches an image to the next message.</summary>
    public async Task AttachAsync(string path, CancellationToken cancellationToken)
    {
        if (path.Length == 0) throw new CliException("/image needs a path.");
        byte[] image = await InputFiles.ReadImageAsync(path, terminal.OpenInput, cancellationToken);
        // Now, while it is clear which file is meant; attached, it would spoil every message to come.
        ImageLimits limits = session.Model.Options.ImageLimits;
        limits.CheckBytes(image.Length);
        ImageHeader header = ImageHeader.Read(image);
        limits.CheckSize(header.Width, header.Height);
        _attached.Add((path, InputFiles.ToContent(image)));
        terminal.WriteNote($"Attached {path}; now ask about it.");
    }

    /// <summary>Reads lines until the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        if (terminal.IsConversation) terminal.WriteNote($"{session.Engine.Model}. /help lists the commands.");
        while (true)
        {
            if (terminal.IsConversation) await terminal.Error.WriteAsync("> ".AsMemory(), cancellationToken);
            // Reading a console cannot be cancelled; the abandoned read ends with the process.
            string? line = await Task.Run(terminal.In.ReadLine, cancellationToken).WaitAsync(cancellationToken);
            if (line is null) return ExitCodes.Success;
            try
            {
                if (!await HandleAsync(ChatInput.Parse(line, File.Exists), cancellationToken)) return ExitCodes.Success;
            }
            catch (Exception error) when (terminal.IsConversation && CliApplication.IsExpected(error))
            {
                terminal.WriteError(error.Message);
            }
        }
    }

    async Task<bool> HandleAsync(ChatInput input, CancellationToken cancellationToken)
    {
        switch (input.Kind)
        {
            case ChatInputKind.Image:
                await AttachAsync(input.Text, cancellationToken);
                return true;
            case ChatInputKind.Message:
                await SayAsync(input.Text, cancellationToken);
                return true;
            case ChatInputKind.Command:
                return Obey(input);
            default:
                return true;
        }
    }

    bool Obey(ChatInput command)
    {
        switch (command.Text)
        {
            case "/exit" or "/quit":
                return false;
            case "/help":
                terminal.WriteNote(Help);
                return true;
            case "/reset":
                _conversation.Clear();
                _names.Clear();
                _attached.Clear();
                terminal.WriteNote("The conversation is forgotten.");
                return true;
            case "/keep":
                request = request with { VisualTokens = Budget(command.Argument) };
                terminal.WriteNote($"Visual tokens from now on: {request.VisualTokens}.");
                return true;
            case "/stats":
                if (_last is null) terminal.WriteNote("Nothing was asked yet.");
                else Format.Facts(terminal.Error, _last.Facts());
                return true;
            default:
                throw new CliException($"There is no command {command.Text}; /help lists those there are.");
        }
    }

    static VisualTokenBudget Budget(string text) =>
        text.Equals("all", StringComparison.OrdinalIgnoreCase) ? VisualTokenBudget.All
        : ValueParsers.TryShare(text, out double share) ? VisualTokenBudget.Keep(share)
        : throw new CliException($"/keep takes a share such as 10% or 0.25, or all; not '{text}'.");

    async Task SayAsync(string text, CancellationToken cancellationToken)
    {
        ChatMessage message = new() { Role = ChatRole.User, Contents = [.. _attached.Select(static a => a.Content), new TextContent(text)] };
        List<ChatMessage> asked = [.. _conversation, message];
        List<string> askedNames = [.. _names, .. _attached.Select(static a => a.Name)];
        AnswerWriter answer = new(json ? TextWriter.Null : terminal.Out);
        // From a pipe there is nobody to type the next line, so Ctrl-C means the command.
        using CancellationTokenSource turn =
            terminal.IsConversation ? interrupts.BeginTurn() : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            _last = await session.AskAsync(asked, askedNames, request, answer.Write, turn.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            answer.End();
            terminal.WriteNote("(stopped; the conversation goes on without this turn)");
            return;
        }
        catch (ImageFormatException) when (_attached.Count > 0)
        {
            _attached.Clear(); // a picture whose pixels are damaged: the next message is not to fail of it again
            terminal.WriteNote("The images attached to this message are detached.");
            throw;
        }
        finally
        {
            interrupts.EndTurn(turn);
            answer.End();
        }
        if (json) JsonOutput.WriteLine(terminal.Out, _last);

        // Only now, so that a failed turn can be tried again without its remains in the conversation.
        _conversation.AddRange([message, new ChatMessage(ChatRole.Assistant, _last.Answer)]);
        _names.Clear();
        _names.AddRange(askedNames);
        _attached.Clear();
    }
}
