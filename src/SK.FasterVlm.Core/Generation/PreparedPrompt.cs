using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Generation;

/// <summary>A prompt as the language model gets it: rows in order, counted against the context.</summary>
/// <param name="Rows">Token and embedding rows.</param>
/// <param name="Length">Positions the rows take.</param>
/// <param name="Images">What the images cost and kept.</param>
sealed record PreparedPrompt(IReadOnlyList<PromptRows> Rows, int Length, IReadOnlyList<ImageStatistics> Images)
{
    /// <summary>Tokenises the text, encodes the images and counts: nothing that does not fit gets any further.</summary>
    /// <exception cref="ContextLengthException">The prompt leaves no position for an answer.</exception>
    public static async Task<PreparedPrompt> CreateAsync(
        GenerationRequest request, PromptTokenizer tokenizer, IVisionEncoder? vision, int contextLength, CancellationToken cancellationToken)
    {
        IReadOnlyList<PromptPart> parts = tokenizer.Tokenize(request.Prompt);
        int textLength = parts.Sum(static p => p.Tokens.Length);
        CheckLength(textLength, 0, contextLength); // before seconds are spent on images

        VisualTokens[] images = new VisualTokens[request.Images.Count];
        for (int i = 0; i < images.Length; i++)
            images[i] = await EncodeAsync(vision!, request, i, cancellationToken).ConfigureAwait(false);

        int visual = parts.Sum(p => p.IsImage ? images[p.ImageIndex].Count : 0);
        CheckLength(textLength + visual, visual, contextLength);

        List<PromptRows> rows = new(parts.Count);
        foreach (PromptPart part in parts)
        {
            if (!part.IsImage) rows.Add(PromptRows.FromTokens(part.Tokens));
            else if (images[part.ImageIndex] is { Count: > 0 } image) rows.Add(PromptRows.FromEmbeddings(image.Embeddings, image.Count));
        }
        ImageStatistics[] statistics =
            [.. images.Select(static i => new ImageStatistics(i.ImageWidth, i.ImageHeight, i.PatchCount, i.Kept, i.Timings) { Newlines = i.Newlines })];
        return new PreparedPrompt(rows, textLength + visual, statistics);
    }

    static async Task<VisualTokens> EncodeAsync(
        IVisionEncoder vision, GenerationRequest request, int index, CancellationToken cancellationToken)
    {
        ImageInput image = request.Images[index];
        EncodedImage encoded = image.Encoded ?? await vision.EncodeAsync(
            image.Bytes, request.Views, ViewReport.For(request, index), cancellationToken).ConfigureAwait(false);
        try
        {
            return await vision.SelectAsync(
                encoded, request.Selector, request.Budget, request.SelectorSeed, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (image.Encoded is null) encoded.Dispose();
        }
    }

    static void CheckLength(int length, int visual, int contextLength)
    {
        // One position must be left for the answer.
        if (length >= contextLength) throw new ContextLengthException(length + 1, contextLength, visual);
    }

    /// <summary>Tells the request's listener which image a view belongs to.</summary>
    sealed class ViewReport(GenerationRequest request, int image) : IProgress<ViewProgress>
    {
        public static ViewReport? For(GenerationRequest request, int image) =>
            request.ImageProgress is null ? null : new ViewReport(request, image);

        public void Report(ViewProgress value) =>
            request.ImageProgress!.Report(new ImageProgress(image, request.Images.Count, value.View, value.Views));
    }
}
