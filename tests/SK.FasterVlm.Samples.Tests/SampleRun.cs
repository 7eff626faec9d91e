using System.Collections.Concurrent;
using System.Diagnostics;

namespace SK.FasterVlm.Samples.Tests;

/// <summary>A sample, run as a process of its own from the root of the repository.</summary>
sealed record SampleRun(int ExitCode, string Output, string Error)
{
    static readonly ConcurrentDictionary<string, Lazy<Task<SampleRun>>> s_runs = new();

    public static string Root { get; } = FindRoot();

    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Runs a sample; each command once, however many tests look at it.</summary>
    public static Task<SampleRun> StartAsync(string sample, params string[] args) => TypeAsync("", sample, args);

    /// <summary>As <see cref="StartAsync"/>, with something typed on the console.</summary>
    public static Task<SampleRun> TypeAsync(string input, string sample, params string[] args) =>
        s_runs.GetOrAdd(string.Join('\0', [input, sample, .. args]), _ => new(() => RunAsync(input, sample, args))).Value;

    static async Task<SampleRun> RunAsync(string input, string sample, string[] args)
    {
        ProcessStartInfo start = new("dotnet") { WorkingDirectory = Root, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("OPENAI_API_KEY"); // nothing leaves the machine
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, sample + ".dll"));
        foreach (string argument in args) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new SampleRun(process.ExitCode, await output, await error);
    }

    static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
