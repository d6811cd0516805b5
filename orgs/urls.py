from django.contrib.auth import views as auth
from django.urls import path

from orgs.forms import LoginForm

urlpatterns = [
    path(
        "login",
        auth.LoginView.as_view(
            template_name="orgs/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
        ),
        name="login",
    ),
    path("logout", auth.LogoutView.as_view(), name="logout"),
]
