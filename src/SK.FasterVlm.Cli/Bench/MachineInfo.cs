using System.Globalization;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Where something was measured.</summary>
/// <param name="Processor">Model name of the CPU.</param>
/// <param name="LogicalProcessors">Processors the system lets this process use.</param>
/// <param name="MemoryBytes">Memory of the machine, or of the container.</param>
/// <param name="System">Operating system.</param>
/// <param name="Runtime">.NET version.</param>
internal sealed record MachineInfo(string Processor, int LogicalProcessors, long MemoryBytes, string System, string Runtime)
{
    /// <summary>This machine.</summary>
    public static MachineInfo Current() => new(
        ProcessorName(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        $"{RuntimeInformation.OSDescription} ({RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()})",
        RuntimeInformation.FrameworkDescription);

    static string ProcessorName()
    {
        if (OperatingSystem.IsLinux() && File.Exists("/proc/cpuinfo"))
        {
            string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(static l => l.StartsWith("model name", StringComparison.Ordinal));
            if (line is not null) return line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }

        return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? string.Create(CultureInfo.InvariantCulture, $"{RuntimeInformation.ProcessArchitecture} processor");
    }
}
