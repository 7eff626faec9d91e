using System.Diagnostics;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>
/// Starts processes that a Ctrl-C can end. Whoever runs the tests in the background of a shell script (<c>dotnet test &amp;</c>) has them
/// started with SIGINT ignored; children inherit that, and .NET respects it, so that a signal sent to one would never arrive.
/// </summary>
static unsafe partial class InterruptibleProcess
{
    const int SigInt = 2;
    const nint Default = 0, Ignore = 1;
    static readonly Lock s_gate = new();

    /// <summary>As <see cref="Process.Start(ProcessStartInfo)"/>.</summary>
    internal static Process Start(ProcessStartInfo start)
    {
        lock (s_gate)
        {
            bool ignored = !OperatingSystem.IsWindows() && IsIgnored();
            if (ignored) Signal(SigInt, Default);
            try
            {
                return Process.Start(start) ?? throw new InvalidOperationException("The process did not start.");
            }
            finally
            {
                if (ignored) Signal(SigInt, Ignore);
            }
        }
    }

    static bool IsIgnored()
    {
        // struct sigaction is larger or smaller by system and processor, but begins with the handler on each.
        nint* action = stackalloc nint[32];
        return SigAction(SigInt, null, action) == 0 && *action == Ignore;
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static partial int SigAction(int signal, nint* action, nint* old);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);
}
