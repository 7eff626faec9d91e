using System.Runtime.InteropServices;
using System.Text;

namespace SK.FasterVlm.Native;

/// <summary>Zero-terminated strings of the library.</summary>
internal static unsafe class Utf8
{
    /// <summary>Copies a string; empty for a null pointer, U+FFFD for invalid bytes.</summary>
    internal static string Read(byte* text) =>
        text is null ? "" : Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
}
