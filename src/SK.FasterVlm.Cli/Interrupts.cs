using System.Runtime.InteropServices;

namespace SK.FasterVlm.Cli;

/// <summary>
/// Ctrl-C and SIGTERM. The first signal cancels what is going on (one answer of a chat, or the whole command), so that files are
/// closed and partial results kept; a second one while that is still winding down ends the process at once.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    readonly CancellationTokenSource _command = new();
    readonly List<PosixSignalRegistration> _registrations = [];
    readonly Lock _gate = new();
    CancellationTokenSource? _turn;

    /// <summary>Fires when the whole command is to end.</summary>
    public CancellationToken Token => _command.Token;

    /// <summary>128 + the signal that ended the command.</summary>
    public int ExitCode { get; private set; } = ExitCodes.Interrupted;

    /// <summary>Handles the signals of this process until disposed.</summary>
    public static Interrupts Listen()
    {
        Interrupts interrupts = new();
        interrupts._registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = interrupts.Interrupt()));
        interrupts._registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = interrupts.Terminate()));
        return interrupts;
    }

    /// <summary>A token for one turn of a conversation: the first Ctrl-C ends the turn, not the conversation.</summary>
    /// <returns>Dispose it when the turn is over.</returns>
    public CancellationTokenSource BeginTurn()
    {
        lock (_gate) return _turn = CancellationTokenSource.CreateLinkedTokenSource(_command.Token);
    }

    /// <summary>Says that a turn is over: the next Ctrl-C means the command again.</summary>
    public void EndTurn(CancellationTokenSource ended)
    {
        lock (_gate)
        {
            if (_turn == ended) _turn = null;
        }
    }

    /// <summary>Handles a Ctrl-C.</summary>
    /// <returns>False when the process should end at once.</returns>
    public bool Interrupt()
    {
        CancellationTokenSource? current;
        lock (_gate) (current, _turn) = (_turn, null);
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
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _command.Dispose();
    }

    bool Terminate(int exitCode = ExitCodes.Terminated)
    {
        if (_command.IsCancellationRequested) return false;
        ExitCode = exitCode;
        _command.Cancel();
        return true;
    }
}
