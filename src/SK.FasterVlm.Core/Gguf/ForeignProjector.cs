namespace SK.FasterVlm.Gguf;

/// <summary>Projectors of other models, so that a file of theirs is refused by the name people know.</summary>
static class ForeignProjector
{
    // Names of llama.cpp's clip-impl.h (PROJECTOR_TYPE_NAMES) and the models that carry them.
    static readonly Dictionary<string, string> s_models = new(StringComparer.Ordinal)
    {
        ["resampler"] = "MiniCPM-V",
        ["adapter"] = "GLM-Edge-V",
        ["qwen2vl_merger"] = "Qwen2-VL",
        ["qwen2.5vl_merger"] = "Qwen2.5-VL",
        ["qwen2.5o"] = "Qwen2.5-Omni",
        ["qwen3vl_merger"] = "Qwen3-VL",
        ["gemma3"] = "Gemma 3",
        ["gemma3nv"] = "Gemma 3n",
        ["gemma4v"] = "Gemma 4",
        ["idefics3"] = "SmolVLM or Idefics3",
        ["pixtral"] = "Pixtral",
        ["internvl"] = "InternVL",
        ["llama4"] = "Llama 4",
        ["lfm2"] = "LFM2-VL",
        ["kimivl"] = "Kimi-VL",
        ["phi4"] = "Phi-4 multimodal",
        ["phi3_v"] = "Phi-3-Vision",
        ["cogvlm"] = "CogVLM",
        ["janus_pro"] = "Janus-Pro",
        ["glm4v"] = "GLM-4V",
        ["paddleocr"] = "PaddleOCR-VL",
        ["deepseekocr"] = "DeepSeek-OCR",
        ["ultravox"] = "Ultravox (audio)",
        ["voxtral"] = "Voxtral (audio)",
        ["qwen2a"] = "Qwen2-Audio (audio)",
    };

    internal static ModelFormatException Refuse(string key, string type)
    {
        string whose = s_models.TryGetValue(type, out string? model) ? $"belongs to {model}" : "is of no model this library knows";
        return new ModelFormatException(
            $"This projector ('{Printable.Escape(type)}') {whose}; the LLaVA family's mlp, mlp_norm, ldp and ldpv2 are supported.", key);
    }
}
