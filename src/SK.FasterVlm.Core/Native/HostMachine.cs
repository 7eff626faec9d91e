using System.Globalization;
using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>What this process may use of the machine.</summary>
internal static class HostMachine
{
    /// <summary>
    /// Physical cores this process may use, at least 1: the right number of threads, since matrix products gain nothing from a
    /// core's second hardware thread.
    /// </summary>
    internal static int PhysicalCores { get; } = CountPhysicalCores();

    /// <summary>
    /// Threads for a model: as asked, else one per physical core, but not more than one for every 8 MB of weights that is begun. A pass
    /// through fewer is over in less time than threads need to find each other, the more so where other programs run: a thread that
    /// waits for its turn on a core holds up all the others at every operation.
    /// </summary>
    /// <param name="asked">Threads that were asked for; 0 chooses.</param>
    /// <param name="weightBytes">Bytes of weights a pass reads.</param>
    internal static int Threads(int asked, long weightBytes)
    {
        const long BytesPerThread = 8L << 20;
        return asked > 0 ? asked : (int)Math.Clamp((weightBytes + BytesPerThread - 1) / BytesPerThread, 1, PhysicalCores);
    }

    /// <summary>
    /// Bytes this process can still take without pushing anything out to disk, under the limit of its container; a page cache
    /// counts as available. <see cref="long.MaxValue"/> when the system does not say.
    /// </summary>
    internal static long AvailableMemory()
    {
        GCMemoryInfo info = GC.GetGCMemoryInfo();
        long limit = info.TotalAvailableMemoryBytes > 0 ? info.TotalAvailableMemoryBytes : long.MaxValue;
        const string File = "/proc/meminfo";
        if (!OperatingSystem.IsLinux() || !System.IO.File.Exists(File)) return limit;
        foreach (string line in System.IO.File.ReadLines(File))
        {
            if (!line.StartsWith("MemAvailable:", StringComparison.Ordinal)) continue;
            string kilobytes = line["MemAvailable:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim();
            return Math.Min(limit, long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024);
        }
        return limit;
    }

    static int CountPhysicalCores()
    {
        // ProcessorCount already respects affinity and container limits.
        int logical = Environment.ProcessorCount;
        const string Root = "/sys/devices/system/cpu";
        if (!OperatingSystem.IsLinux() || !Directory.Exists(Root))
        {
            // Without a portable way to ask, two hardware threads per core is the rule for PCs.
            bool two = OperatingSystem.IsWindows() && RuntimeInformation.ProcessArchitecture == Architecture.X64;
            return two ? Math.Max(1, logical / 2) : logical;
        }

        // The hardware threads of one core list the same siblings.
        HashSet<string> cores = [];
        foreach (string cpu in Directory.EnumerateDirectories(Root, "cpu*"))
        {
            string siblings = Path.Combine(cpu, "topology", "thread_siblings_list");
            if (File.Exists(siblings)) cores.Add(File.ReadAllText(siblings).Trim());
        }
        return cores.Count > 0 ? Math.Min(cores.Count, logical) : logical;
    }
}
