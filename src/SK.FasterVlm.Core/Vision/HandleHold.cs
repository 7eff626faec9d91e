using System.Runtime.InteropServices;

namespace SK.FasterVlm.Vision;

/// <summary>Keeps native memory alive for the length of a call, whoever disposes it meanwhile.</summary>
internal readonly struct HandleHold : IDisposable
{
    readonly SafeHandle _handle;

    /// <summary>Takes a reference.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed already.</exception>
    public HandleHold(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    /// <summary>Gives the reference back.</summary>
    public void Dispose() => _handle.DangerousRelease();
}
