namespace SK.FasterVlm.Models;

/// <summary>What a model's files were recognised as.</summary>
/// <param name="Family">For people, for example <c>LLaVA-1.6 (Mistral)</c>.</param>
/// <param name="Template">Name of the chat template; null when the file has one that is not supported.</param>
/// <param name="Evidence">What decided, for people.</param>
public sealed record RecognizedModel(string Family, string? Template, string Evidence);

/// <summary>
/// The family of a model from what is in its files, and with it the format of its conversations. File names play no part.
/// <para>
/// Needed because the published files say little: LLaVA-1.5's have neither a chat template nor a telling name, BakLLaVA and
/// LLaVA-1.6-Mistral share a language model but not a format, and conversions carry templates of the model they were made from. The
/// rules, in this order: the projector where it is one family's own; the name of a family on Llama 2's vocabulary, unless the size of
/// the vocabulary contradicts it; special tokens in the chat template; the name of another; the architecture, size of the vocabulary
/// and shape of the attention; else LLaVA on Vicuna. Mistral is nothing without grouped-query attention, whatever names it.
/// </para>
/// </summary>
public static class ModelRecognition
{
    // Llama 3's vocabulary (128,000 pieces and 256 special tokens) and Yi's; conversions append a few (image tokens, padding).
    const int Llama3Vocabulary = 128_256, YiVocabulary = 64_000, Appended = 64;

    /// <summary>Recognises a model.</summary>
    public static RecognizedModel Recognize(ModelFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        string name = facts.Name, jinja = facts.ChatTemplate ?? "";
        // The format is vicuna_v1 in both (conversation v1 of the authors' code).
        if (facts.ProjectorType == "ldp") return new("MobileVLM", "vicuna_v1", "the projector is ldp");
        if (facts.ProjectorType == "ldpv2") return new("MobileVLM V2", "vicuna_v1", "the projector is ldpv2");

        // A name says what a model was made from or trained like; another vocabulary is another language model, whatever the name.
        bool llama3Name = Has(name, "llama-3") || Has(name, "llama3"), otherVocabulary = Near(Llama3Vocabulary) || Near(YiVocabulary) || llama3Name;
        if (!otherVocabulary && Has(name, "bakllava")) return BakLlava("the name");
        if (!otherVocabulary && (Has(name, "vicuna") || Has(name, "llava-v1.5") || Has(name, "llava-1.5"))) return Vicuna("the name");
        if (Has(jinja, "<|start_header_id|>")) return Llama3("header tokens in the chat template");
        if (Has(jinja, "<|im_start|>")) return ChatMl("ChatML tokens in the chat template");
        if (Has(jinja, "<|assistant|>") && Has(jinja, "<|end|>")) return Phi3("turn tokens in the chat template");
        // Llama 2 has the same tokens, and conversions of models on Vicuna may carry its template.
        bool mistral = facts.GroupedQueries is not false;
        if (Has(jinja, "[INST]")) return mistral ? Mistral("[INST] in the chat template") : Vicuna("[INST] in the chat template, but no grouped-query attention");
        if (Has(jinja, "ASSISTANT:")) return Vicuna("USER and ASSISTANT in the chat template");
        if (jinja.Length > 0) return new($"{facts.Architecture} with a chat template of its own", null, "the chat template");

        if (Has(name, "mistral") && mistral) return Mistral("the name");
        if (llama3Name) return Llama3("the name");
        if (facts.Architecture == "phi3" || Has(name, "phi-3")) return Phi3("the architecture");
        if (Has(name, "34b") || Has(name, "yi-")) return ChatMl("the name");
        if (Near(Llama3Vocabulary)) return Llama3("the vocabulary's size");
        if (Near(YiVocabulary)) return ChatMl("the vocabulary's size");
        // Of the family's language models with Llama 2's vocabulary only Mistral's has grouped-query attention.
        return facts is { Architecture: "llama", GroupedQueries: true } ? Mistral("grouped-query attention") : Vicuna("nothing that says otherwise");

        bool Near(int vocabulary) => facts.VocabularySize >= vocabulary && facts.VocabularySize <= vocabulary + Appended;

        RecognizedModel Vicuna(string evidence) => new(
            facts.ProjectorType == "mlp_norm" ? "LLaVA with a projector with norms (Yi-VL)"
            : facts.HasTiles is true ? "LLaVA-1.6 (Vicuna)" : "LLaVA-1.5", "vicuna_v1", evidence);

        // Mistral without tiles is BakLLaVA, which was trained with LLaVA-1.5's format.
        RecognizedModel Mistral(string evidence) => facts.HasTiles is false && !Has(name, "1.6") && !Has(name, "next")
            ? BakLlava($"{evidence}, and a projector without tiles")
            : new("LLaVA-1.6 (Mistral)", "llava-1.6-mistral", evidence);

        RecognizedModel BakLlava(string evidence) => new("BakLLaVA", "vicuna_v1", evidence);

        RecognizedModel Llama3(string evidence) => new(facts.HasTiles is true ? "LLaVA-NeXT (Llama 3)" : "LLaVA-Llama-3", "llama-3", evidence);

        RecognizedModel Phi3(string evidence) => new("LLaVA-Phi-3", "phi-3", evidence);

        RecognizedModel ChatMl(string evidence) => new(
            facts.HasTiles is not false && (Near(YiVocabulary) || Has(name, "34b") || Has(name, "yi-")) ? "LLaVA-1.6-34B (Yi)" : "LLaVA on a ChatML model",
            "chatml", evidence);
    }

    static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);
}
