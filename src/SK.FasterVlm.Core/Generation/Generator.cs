namespace SK.FasterVlm.Generation;

/// <summary>Runs requests.</summary>
public sealed class Generator
{
    Generator() { }
}
