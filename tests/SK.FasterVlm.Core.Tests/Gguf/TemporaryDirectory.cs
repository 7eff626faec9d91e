namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>A folder for one test, removed after it.</summary>
sealed class TemporaryDirectory : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("fastervlm-test-").FullName;

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
