using System.Runtime.InteropServices;

namespace SK.FasterVlm.Cli;

/// <summary>
/// Ctrl-C and SIGTERM. The first signal cancels what is going on (one answer of a chat, or the whole command), so that files are
/// closed and partial results kept; a second one while that is still winding down ends the process at once.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    readonly CancellationTokenSource command = new();
    readonly List<PosixSignalRegistration> registrations = [];
    readonly Lock gate = new();
    CancellationTokenSource? turn;

    /// <summary>Fires when the whole command is to end.</summary>
    public CancellationToken Token => command.Token;

    /// <summary>128 + the signal that ended the command.</summary>
    public int ExitCode { get; private set; } = ExitCodes.Interrupted;

    /// <summary>Handles the signals of this process until disposed.</summary>
    public static Interrupts Listen()
    {
        Interrupts interrupts = new();
        interrupts.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = interrupts.Interrupt()));
        interrupts.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = interrupts.Terminate()));
        return interrupts;
    }

    /// <summary>A token for one turn of a conversation: the first Ctrl-C ends the turn, not the conversation.</summary>
    /// <returns>Dispose it when the turn is over.</returns>
    public CancellationTokenSource BeginTurn()
    {
        lock (gate) return turn = CancellationTokenSource.CreateLinkedTokenSource(command.Token);
    }

    /// <summary>Handles a Ctrl-C.</summary>
    /// <returns>False when the process should end at once.</returns>
    public bool Interrupt()
    {
        CancellationTokenSource? current;
        lock (gate) (current, turn) = (turn, null);
        if (current is null) return Terminate(ExitCodes.Interrupted);
        try
        {
            current.Cancel();
            return true;
        }
        catch (ObjectDisposedException)
        {
            // The turn ended by itself in this very moment; the signal then means the command.
            return Terminate(ExitCodes.Interrupted);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in registrations) registration.Dispose();
        command.Dispose();
    }

    bool Terminate(int exitCode = ExitCodes.Terminated)
    {
        if (command.IsCancellationRequested) return false;
        ExitCode = exitCode;
        command.Cancel();
        return true;
    }
}
