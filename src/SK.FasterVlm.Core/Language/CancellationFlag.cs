using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Language;

/// <summary>
/// A flag the library asks about between the nodes of a computation. One byte of pinned memory: the callback touches no managed
/// object, so it can run on any thread of the library.
/// </summary>
internal sealed unsafe class CancellationFlag
{
    readonly byte[] _raised = GC.AllocateArray<byte>(1, pinned: true);

    /// <summary>The callback for <c>abort_callback</c>; its data is <see cref="Data"/>.</summary>
    internal static delegate* unmanaged[Cdecl]<void*, byte> Callback => &Ask;

    /// <summary>Address of the flag, valid as long as this object lives.</summary>
    internal void* Data => Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_raised));

    /// <summary>Raises the flag when a token is cancelled, until disposed.</summary>
    internal Scope Watch(CancellationToken cancellationToken)
    {
        Volatile.Write(ref _raised[0], 0);
        return new Scope(cancellationToken.UnsafeRegister(static raised => Volatile.Write(ref ((byte[])raised!)[0], 1), _raised));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static byte Ask(void* data) => Volatile.Read(ref *(byte*)data);

    /// <summary>One watched call.</summary>
    internal readonly ref struct Scope(CancellationTokenRegistration registration) : IDisposable
    {
        // Waits for a running callback, so that the flag cannot rise after the call it was meant for.
        public void Dispose() => registration.Dispose();
    }
}
