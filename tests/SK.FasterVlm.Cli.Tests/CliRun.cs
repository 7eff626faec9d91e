using System.Diagnostics;
using System.Text;
using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>How one run of the program ended.</summary>
internal sealed record CliRun(int ExitCode, string Output, string Error)
{
    /// <summary>The lines on stderr.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs in this process.</summary>
    public static Task<CliRun> InProcessAsync(params string[] args) => InProcessAsync(args, "");

    /// <summary>Runs in this process with text on standard input.</summary>
    public static Task<CliRun> InProcessAsync(string[] args, string input) => InProcessAsync(args, input, conversation: false);

    /// <summary>Runs in this process as if a person typed the text.</summary>
    public static Task<CliRun> InTerminalAsync(string[] args, string input) => InProcessAsync(args, input, conversation: true);

    static async Task<CliRun> InProcessAsync(string[] args, string input, bool conversation)
    {
        StringWriter output = new() { NewLine = "\n" };
        StringWriter error = new() { NewLine = "\n" };
        Terminal terminal = new()
        {
            In = new StringReader(input),
            OpenInput = () => new MemoryStream(Encoding.UTF8.GetBytes(input)),
            Out = output,
            Error = error,
            IsConversation = conversation,
        };
        using Interrupts interrupts = new();
        int exitCode = await CliApplication.RunAsync(args, terminal, interrupts);
        return new CliRun(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs as a process of its own. A process that a signal ended reports 128 + the signal.</summary>
    public static async Task<CliRun> ChildProcessAsync(string[] args, string input = "")
    {
        using Process process = Start(args);
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await WriteInputAsync(process, input);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new CliRun(process.ExitCode, await output, await error);
    }

    /// <summary>Runs as a process of its own with further environment variables.</summary>
    public static async Task<CliRun> ChildProcessAsync(string[] args, IReadOnlyDictionary<string, string> environment)
    {
        using Process process = Start(args, environment);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new CliRun(process.ExitCode, await output, await error);
    }

    /// <summary>Starts the program as a process with all streams redirected.</summary>
    public static Process Start(params string[] args) => Start(args, new Dictionary<string, string>());

    /// <summary>Starts the program as a process with all streams redirected and further environment variables.</summary>
    public static Process Start(string[] args, IReadOnlyDictionary<string, string> environment)
    {
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "fastervlm.dll"));
        foreach (string argument in args) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return InterruptibleProcess.Start(start);
    }

    static async Task WriteInputAsync(Process process, string input)
    {
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading its input.
        }
    }
}
