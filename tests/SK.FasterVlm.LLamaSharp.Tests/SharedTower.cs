using System.Runtime.CompilerServices;
using SK.FasterVlm.Core.Tests.Vision;

namespace SK.FasterVlm.LLamaSharp.Tests;

/// <summary>The tests of the vision tower that are compiled into this project run on the ggml LLamaSharp has loaded.</summary>
static class SharedTower
{
    [ModuleInitializer]
    internal static void Configure() => TinyTower.Runtime = LLamaSharpNatives.Share;
}
