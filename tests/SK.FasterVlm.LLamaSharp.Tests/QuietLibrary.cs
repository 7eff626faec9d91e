using System.Runtime.CompilerServices;
using LLama.Native;

namespace SK.FasterVlm.LLamaSharp.Tests;

/// <summary>The library's log would bury the results; it goes to standard error unless told otherwise before its first use.</summary>
static class QuietLibrary
{
    [ModuleInitializer]
    internal static void Configure() => NativeLibraryConfig.All.WithLogCallback(static (_, _) => { });
}
