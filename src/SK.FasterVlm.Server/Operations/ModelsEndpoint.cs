using Microsoft.AspNetCore.Http;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Operations;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>.</summary>
sealed class ModelsEndpoint(ServedModel model)
{
    /// <summary>Lists the models: the one there is, then the other names it goes by.</summary>
    public Task ListAsync(HttpContext context) => Answers.WriteAsync(
        context.Response,
        new ModelList("list", [.. model.Server.ModelAliases.Prepend(model.Id).Distinct(StringComparer.OrdinalIgnoreCase).Select(Describe)]),
        ApiJson.Wire.ModelList);

    /// <summary>Describes one model. The name is compared with those there are and used for nothing else.</summary>
    public Task GetAsync(HttpContext context)
    {
        string id = context.Request.RouteValues["id"] as string ?? "";
        return Answers.WriteAsync(context.Response, Describe(model.Known(id)), ApiJson.Wire.ModelObject);
    }

    ModelObject Describe(string id) => new(id, "model", model.Created, "fastervlm", model.Loaded is { } loaded
        ? new OwnModel(
            loaded.Language.ContextLength, loaded.Language.CacheLength, loaded.Vision.Info.TokenCount, loaded.Vision.Info.TokenGridSide,
            loaded.Options.VisualTokens.ToText(), loaded.Selector.Name, VisualTokenSelectors.Names, loaded.Options.MaxImages)
        : null);
}
