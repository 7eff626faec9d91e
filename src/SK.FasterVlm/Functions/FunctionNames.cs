using Microsoft.SemanticKernel;

namespace SK.FasterVlm.Functions;

/// <summary>The one name of a kernel function towards a model: <c>Plugin-Function</c>, as Semantic Kernel's own connectors have it.</summary>
static class FunctionNames
{
    /// <summary>A plugin's name cannot hold it, so that a joined name can be taken apart in one way only.</summary>
    public const string Separator = "-";

    public static string Join(string? pluginName, string functionName) =>
        string.IsNullOrEmpty(pluginName) ? functionName : pluginName + Separator + functionName;

    public static string Of(KernelFunction function) => Join(function.PluginName, function.Name);

    /// <summary>Takes a name apart that no shown function has.</summary>
    public static (string? Plugin, string Function) Split(string name) =>
        name.IndexOf(Separator, StringComparison.Ordinal) is > 0 and { } at && at + 1 < name.Length ? (name[..at], name[(at + 1)..]) : (null, name);
}
