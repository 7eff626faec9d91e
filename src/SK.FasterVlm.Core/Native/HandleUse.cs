using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>
/// Keeps a handle open while raw pointers that belong to it are in use, so that a disposal on another thread waits for the end.
/// </summary>
internal readonly ref struct HandleUse : IDisposable
{
    readonly SafeHandle _handle;

    /// <summary>Begins a use.</summary>
    /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
    internal HandleUse(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
    }

    public void Dispose() => _handle.DangerousRelease();
}
