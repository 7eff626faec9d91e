using System.Text;
using Spectre.Console;

namespace SK.FasterVlm.Cli.Output;

/// <summary>
/// Where a command reads and writes. Results go to <see cref="Out"/>, everything else (facts, progress, errors) to
/// <see cref="Error"/>, so that piping stdout gives the result and nothing but the result.
/// </summary>
internal sealed class Terminal
{
    /// <summary>Standard input as text.</summary>
    public required TextReader In { get; init; }

    /// <summary>Opens standard input as bytes; use this or <see cref="In"/>, not both.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Standard output: results.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Standard error: facts, progress and error lines.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether a person types the input and reads the output.</summary>
    public bool IsConversation { get; init; }

    /// <summary>Whether stderr can show a moving display.</summary>
    public bool ShowsProgress { get; init; }

    /// <summary>Spectre.Console on stderr; colours follow the terminal and NO_COLOR.</summary>
    public IAnsiConsole Display => field ??= AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(Error),
        Ansi = ShowsProgress ? AnsiSupport.Detect : AnsiSupport.No,
        Interactive = ShowsProgress ? InteractionSupport.Detect : InteractionSupport.No,
    });

    /// <summary>The streams of this process.</summary>
    public static Terminal FromConsole()
    {
        if (!Console.IsOutputRedirected || !Console.IsErrorRedirected) Console.OutputEncoding = Encoding.UTF8;
        return new Terminal
        {
            In = Console.In,
            OpenInput = Console.OpenStandardInput,
            Out = Console.Out,
            Error = Console.Error,
            IsConversation = !Console.IsInputRedirected && !Console.IsOutputRedirected,
            ShowsProgress = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
        };
    }

    /// <summary>Writes the one line a failure leaves on stderr.</summary>
    public void WriteError(string message) => Error.WriteLine($"fastervlm: {TerminalText.OneLine(message)}");

    /// <summary>Writes a remark to stderr.</summary>
    public void WriteNote(string message) => Error.WriteLine(TerminalText.Clean(message));
}
