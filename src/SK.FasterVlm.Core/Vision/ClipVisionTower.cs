namespace SK.FasterVlm.Vision;

/// <summary>The CLIP tower on ggml.</summary>
public sealed class ClipVisionTower
{
    ClipVisionTower() { }
}
