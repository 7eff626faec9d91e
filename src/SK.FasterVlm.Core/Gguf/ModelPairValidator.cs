namespace SK.FasterVlm.Gguf;

/// <summary>
/// Checks that a language model and a projector are what they should be and belong together, before native code sees either.
/// </summary>
public static class ModelPairValidator
{
    /// <summary>Checks two files by path.</summary>
    /// <param name="modelPath">Language model.</param>
    /// <param name="projectorPath">Tower and projector (mmproj).</param>
    /// <exception cref="ModelFormatException">
    /// A file is missing, damaged, of the wrong kind, or they do not fit; the message begins with the file's name.
    /// </exception>
    public static (LanguageHeader Language, ClipHeader Vision) Validate(string modelPath, string projectorPath)
    {
        using GgufFile model = GgufFile.Open(modelPath), projector = GgufFile.Open(projectorPath);
        return Validate(model, projector);
    }

    /// <summary>Checks two open files.</summary>
    /// <param name="model">Language model.</param>
    /// <param name="projector">Tower and projector (mmproj).</param>
    /// <exception cref="ModelFormatException">A file is of the wrong kind or has impossible sizes, or the two do not fit.</exception>
    public static (LanguageHeader Language, ClipHeader Vision) Validate(GgufFile model, GgufFile projector)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(projector);
        LanguageHeader language = Named(model, LanguageHeader.Read);
        ClipHeader vision = Named(projector, ClipHeader.Read);
        if (vision.OutputWidth != language.EmbeddingWidth)
        {
            throw new ModelFormatException(
                $"{Printable.Escape(projector.Name)} produces rows of {vision.OutputWidth} but {Printable.Escape(model.Name)} expects "
                + $"{language.EmbeddingWidth}; the projector belongs to another model.", "clip.projector_type");
        }
        return (language, vision);
    }

    static T Named<T>(GgufFile file, Func<GgufFile, T> read)
    {
        try
        {
            return read(file);
        }
        catch (ModelFormatException e)
        {
            throw new ModelFormatException($"{Printable.Escape(file.Name)}: {e.Message}", e.Field, e);
        }
    }
}
